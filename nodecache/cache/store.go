package cache

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Store keeps a response to q. It appends a clean copy of it to dst for those who wait for
// it, never authoritative, with TTLs within the policy's bounds if it was kept, and without a
// copy where the response is malformed or answers another question; and reports what the
// response says and whether it was kept. Not kept are, beside the malformed: what is truncated; a
// denial without an SOA record (RFC 2308, section 5); referrals; types that stand for no records;
// what the policy rules out. A SERVFAIL takes no place of an answer, stale or not, nor does another
// code that is neither NOERROR nor NXDOMAIN, which is kept for 1 s. Replaced of its servers, which
// must not be nil, ends it at once, and a SERVFAIL ends once an answer of those servers comes to
// any name below its parent. A response that does not replace an answer that has expired has q not
// asked again for the policy's Recheck.
func (c *Cache) Store(dst []byte, q *wire.Query, response []byte, s *Servers, p *Policy, now time.Duration) (clean []byte, v wire.Verdict, kept bool) {
	start := len(dst)
	clean, ok := wire.Repack(dst, response)
	msg := wire.Message(clean[start:])
	switch {
	case ok && q.Asked(msg):
		msg.SetFlags(0, wire.AA) // from here on it is hearsay (RFC 1035, section 4.1.1)
		v = wire.Classify(msg)
	case wire.Message(response).Rcode() == wire.ServFail:
		v.Kind = wire.Failed // such a response may lack the question
		fallthrough
	default:
		clean, msg = clean[:start], nil
	}
	switch {
	case msg.Truncated() || q.Type.Meta():
		return clean, v, false
	case v.Kind == wire.Failed:
		kept = c.storeServFail(q, s, p, now)
	case v.Kind == wire.Refusal:
		kept = c.storeRefusal(q, msg, s, now)
	case v.Kind != wire.Malformed:
		s.parents.works(q.Name)
		kept = c.storeAnswer(q, msg, &v, p, now)
	}
	if v.Kind != wire.Malformed && !p.Replaces(&v) {
		c.putOff(q, &fault{servers: s, epoch: s.replaced.Load(), times: 1}, p, now)
	}
	return clean, v, kept
}

// storeAnswer keeps a repacked message, which it changes.
func (c *Cache) storeAnswer(q *wire.Query, msg wire.Message, v *wire.Verdict, p *Policy, now time.Duration) bool {
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
	return c.put(part, q, msg, v, p, now, time.Duration(ttl)*time.Second)
}

// put makes an entry of msg and adds it.
func (c *Cache) put(part class, q *wire.Query, msg []byte, v *wire.Verdict, p *Policy, now, life time.Duration) bool {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	e := newEntry(key, msg, now, life)
	e.kind, e.alias = v.Kind, v.Alias
	hash := wire.Hash(c.seed, key)
	return c.shard(hash).put(part, hash, e, p)
}
