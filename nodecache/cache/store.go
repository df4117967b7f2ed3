package cache

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Store keeps a response to q that the servers s sent; s must not be nil. It returns what the
// response says and whether the cache kept it.
//
// For those who wait for the response, Store appends a clean copy of it to dst. The copy is never
// authoritative, and if the response was kept, its TTLs are within the policy's bounds. There is
// no copy if the response is malformed or answers another question.
//
// Besides malformed responses, the cache does not keep: truncated ones; denials without an SOA
// record (RFC 2308, section 5); referrals; responses to types that stand for no records; and what
// the policy rules out.
//
// A failure replaces no answer, whether that is fresh or stale. The cache keeps a SERVFAIL for
// what the policy says, and any other code than NOERROR and NXDOMAIN for 1 s. Both end when
// Replaced of s is called. A SERVFAIL also ends once s answers a query for any name below the
// failed name's parent.
//
// An extended error of the response (RFC 8914) is kept with it.
//
// If an expired answer stays because the response does not replace it, upstream is not asked for
// q again until the policy's Recheck is over.
func (c *Cache) Store(dst []byte, q *wire.Query, response []byte, s *Servers, p *Policy, now time.Duration) (clean []byte, v wire.Verdict, kept bool) {
	start := len(dst)
	clean, ok := wire.Repack(dst, response)
	msg := wire.Message(clean[start:])
	switch {
	case ok && q.Asked(msg):
		msg.SetFlags(0, wire.AA) // a copy has no authority (RFC 1035, section 4.1.1)
		v = wire.Classify(msg)
	case wire.Message(response).Rcode() == wire.ServFail:
		v.Kind = wire.Failed // a SERVFAIL may lack the question
		fallthrough
	default:
		clean, msg = clean[:start], nil
	}
	why := wire.Message(response).Error()
	switch {
	case msg.Truncated() || q.Type.Meta():
		return clean, v, false
	case v.Kind == wire.Failed:
		kept = c.storeServFail(q, s, p, why, now)
	case v.Kind == wire.Refusal:
		kept = c.storeRefusal(q, msg, s, why, now)
	case v.Kind != wire.Malformed:
		s.parents.works(q.Name)
		kept = c.storeAnswer(q, msg, &v, p, why, now)
	}
	if v.Kind != wire.Malformed && !p.Replaces(&v) {
		c.putOff(q, &fault{servers: s, epoch: s.replaced.Load(), times: 1}, p, now)
	}
	return clean, v, kept
}

// storeAnswer keeps a repacked message, and changes its TTLs.
func (c *Cache) storeAnswer(q *wire.Query, msg wire.Message, v *wire.Verdict, p *Policy, why wire.Error, now time.Duration) bool {
	part, bounds := success, p.Positive
	switch v.Kind {
	case wire.Positive:
	case wire.NoData, wire.NoName:
		if !v.SOA {
			return false
		}
		part, bounds = denial, p.Denial
	default:
		return false
	}
	ttl := bounds.clamp(v.TTL)
	if ttl == 0 {
		return false
	}
	v.LowerNegativeTTL(msg)
	msg.ClampTTLs(bounds.Min, bounds.Max)
	var buf [wire.MaxKey]byte
	key, hash, s := c.locate(&buf, q)
	e := newEntry(key, msg, why, now, time.Duration(ttl)*time.Second)
	e.kind, e.alias = v.Kind, v.Alias
	return s.put(part, hash, e, p)
}

// Fail remembers for 1 s that q got no usable answer from the servers s, which must not be nil,
// so that asking again costs no wait. If there is an expired answer that may still be used, Fail
// also keeps upstream from being asked for the policy's Recheck. Both end when Recovered of s is
// called. Why says what happened, and is kept.
func (c *Cache) Fail(q *wire.Query, s *Servers, p *Policy, why wire.Error, now time.Duration) {
	f := &fault{servers: s, epoch: s.epoch.Load()}
	c.putFailure(q, f, wire.ServFail, why, now, unanswered)
	c.putOff(q, f, p, now)
	s.failed.Store(true) // last: a call of Recovered before this line clears nothing
}

// storeServFail keeps a SERVFAIL of s. The more often it comes in a row, the longer it is kept.
func (c *Cache) storeServFail(q *wire.Query, s *Servers, p *Policy, why wire.Error, now time.Duration) bool {
	if p.ServFail.First <= 0 {
		return false
	}
	times := c.timesFailed(q, now) + 1
	f := &fault{servers: s, epoch: s.replaced.Load(), times: times, parent: s.parents.of(q.Name)}
	return c.putFailure(q, f, wire.ServFail, why, now, p.ServFail.after(times))
}

// storeRefusal keeps a response of s without records whose code is neither NOERROR, NXDOMAIN nor
// SERVFAIL. It keeps it for the shortest time that RFC 9520, section 3.2, allows.
func (c *Cache) storeRefusal(q *wire.Query, msg wire.Message, s *Servers, why wire.Error, now time.Duration) bool {
	if msg.Answers() > 0 {
		return false // a YXDOMAIN with its DNAME, for example
	}
	f := &fault{servers: s, epoch: s.replaced.Load(), times: 1}
	return c.putFailure(q, f, msg.HeaderRcode(), why, now, shortestFailure)
}

// putOff notes in the expired answer to q, if there is one, that upstream sent nothing to replace
// it. Upstream is not asked again until the policy's Recheck is over.
func (c *Cache) putOff(q *wire.Query, f *fault, p *Policy, now time.Duration) {
	if p.Recheck <= 0 {
		return
	}
	if e := c.expired(q, p, now); e != nil && !e.fresh(now) {
		e.off.Store(&recheck{f, now + min(p.Recheck, LongestFailure)})
	}
}

// timesFailed returns how often in a row q was answered with SERVFAIL. A longer gap between two
// than the cache keeps any failure ends the row.
func (c *Cache) timesFailed(q *wire.Query, now time.Duration) uint8 {
	var buf [wire.MaxKey]byte
	key, hash, s := c.locate(&buf, q)
	e := s.get(failure, hash, key)
	if e == nil || e.kind != wire.Failed || now-e.expires > LongestFailure || e.fault.cleared(now-e.stored) {
		return 0
	}
	return min(e.fault.times, 100)
}

// putFailure keeps a reply of our own to q that has a code and no records.
func (c *Cache) putFailure(q *wire.Query, f *fault, code wire.Rcode, why wire.Error, now, life time.Duration) bool {
	var buf [wire.MaxKey]byte
	var msg [wire.HeaderLen + wire.MaxKey]byte
	key, hash, s := c.locate(&buf, q)
	e := newEntry(key, wire.AppendHeader(msg[:0], q, code, wire.RA), why, now, life)
	e.kind, e.fault = wire.Failed, f
	if code != wire.ServFail {
		e.kind = wire.Refusal
	}
	return s.put(failure, hash, e, nil)
}
