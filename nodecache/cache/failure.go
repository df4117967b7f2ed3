package cache

import (
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Servers are the upstream servers that failures are blamed on: those of one forward, say. The zero value
// is ready.
type Servers struct {
	failed   atomic.Bool   // a failure to get any answer was stored since the last Recovered
	epoch    atomic.Uint32 // such failures of an earlier one are void
	replaced atomic.Uint32 // and so are answered SERVFAILs
	parents  parents
}

// Recovered clears every failure to get any answer that is blamed on s, as it has answered
// again. It costs next to nothing when there is none, so it may be called for every answer.
func (s *Servers) Recovered() {
	if s.failed.Load() && s.failed.Swap(false) {
		s.epoch.Add(1)
	}
}

// Replaced clears every failure that is blamed on s, answered SERVFAILs too: from now on
// other servers are asked.
func (s *Servers) Replaced() {
	s.Recovered()
	s.replaced.Add(1)
}

// fault is what a failure was.
type fault struct {
	servers *Servers
	epoch   uint32  // of the servers, by which it is void one day
	times   uint8   // how often in a row an answer of no use came, mostly SERVFAIL; 0 for none at all
	parent  *parent // nil where names beside it say nothing
}

// cleared reports whether the failure, which is that old, is void.
func (f *fault) cleared(age time.Duration) bool {
	switch {
	case f.times == 0:
		return f.servers.epoch.Load() != f.epoch
	case f.parent != nil && f.parent.works.Load() && age >= shortestFailure:
		return true
	}
	return f.servers.replaced.Load() != f.epoch
}

// unanswered is how long a timeout, a broken transport or a malformed answer stands for the
// next answer (RFC 9520, section 3.2, wants at least 1 s).
const unanswered = time.Second

// Fail remembers for 1 s that q got no answer of use, so that asking again costs no wait, and
// for the policy's Recheck where an answer is there that may still be used. Recovered of its
// servers, which must not be nil, ends both at once.
func (c *Cache) Fail(q *wire.Query, s *Servers, p *Policy, now time.Duration) {
	f := &fault{servers: s, epoch: s.epoch.Load()}
	c.putFailure(q, f, wire.ServFail, now, unanswered)
	c.putOff(q, f, p, now)
	s.failed.Store(true) // last: a Recovered that does not see it yet would clear nothing
}

// storeServFail keeps a SERVFAIL that s answered, the longer the more often it came, or until a
// name below the same parent resolves.
func (c *Cache) storeServFail(q *wire.Query, s *Servers, p *Policy, now time.Duration) bool {
	if p.ServFail.First <= 0 {
		return false
	}
	times := c.timesFailed(q, now) + 1
	f := &fault{servers: s, epoch: s.replaced.Load(), times: times, parent: s.parents.of(q.Name)}
	return c.putFailure(q, f, wire.ServFail, now, p.ServFail.after(times))
}

// storeRefusal keeps for the least time that RFC 9520, section 3.2, allows that s answered with a
// code that is neither NOERROR, NXDOMAIN nor SERVFAIL, and no records.
func (c *Cache) storeRefusal(q *wire.Query, msg wire.Message, s *Servers, now time.Duration) bool {
	if msg.Answers() > 0 {
		return false // YXDOMAIN with its DNAME, say
	}
	return c.putFailure(q, &fault{servers: s, epoch: s.replaced.Load(), times: 1}, msg.HeaderRcode(), now, shortestFailure)
}

// putOff remembers with the answer to q that has expired, if there is one, that upstream brought
// none to take its place, and is not asked again for the policy's Recheck.
func (c *Cache) putOff(q *wire.Query, f *fault, p *Policy, now time.Duration) {
	if p.Recheck <= 0 {
		return
	}
	if e := c.expired(q, p, now); e != nil && !e.fresh(now) {
		e.off.Store(&recheck{f, now + min(p.Recheck, longestFailure)})
	}
}

// timesFailed returns how often q was answered SERVFAIL in a row, counting those no further
// apart than the longest time that one is kept.
func (c *Cache) timesFailed(q *wire.Query, now time.Duration) uint8 {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	hash := wire.Hash(c.seed, key)
	e := c.shard(hash).get(failure, hash, key)
	if e == nil || e.kind != wire.Failed || now-e.expires > longestFailure || e.fault.cleared(now-e.stored) {
		return 0
	}
	return min(e.fault.times, 100)
}

// putFailure keeps a reply of our own to q that has a code and no records.
func (c *Cache) putFailure(q *wire.Query, f *fault, code wire.Rcode, now, life time.Duration) bool {
	var buf [wire.MaxKey]byte
	var msg [wire.HeaderLen + wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	e := newEntry(key, wire.AppendHeader(msg[:0], q, code, wire.RA), now, life)
	e.kind, e.fault = wire.Failed, f
	if code != wire.ServFail {
		e.kind = wire.Refusal
	}
	hash := wire.Hash(c.seed, key)
	return c.shard(hash).put(failure, hash, e, nil)
}

// appendFailure appends the code of a failure, or SERVFAIL for what has expired and is not asked
// for again yet.
func (e *entry) appendFailure(dst []byte, q *wire.Query, now time.Duration) ([]byte, State) {
	if e.fault == nil {
		return wire.AppendHeader(dst, q, wire.ServFail, wire.RA), Failed
	}
	dst = wire.AppendHeader(dst, q, wire.Message(e.data).HeaderRcode(), wire.RA)
	if e.retries(now) {
		return dst, Retry
	}
	return dst, Failed
}

// retries reports true to one asker once half of the time is over that a SERVFAIL is kept, but
// not before it may end (RFC 9520, section 3.2).
func (e *entry) retries(now time.Duration) bool {
	return e.fault.times > 0 && now-e.stored >= max(shortestFailure, (e.expires-e.stored)/2) && e.claim(now)
}
