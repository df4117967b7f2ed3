package cache

import (
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Source is what failures are blamed on: the upstream servers of a block, say. The zero value
// is ready.
type Source struct {
	failed  atomic.Bool   // a failure to get any answer was stored since the last Recovered
	epoch   atomic.Uint32 // such failures of an earlier one are void
	servers atomic.Uint32 // and so are answered SERVFAILs
}

// Recovered clears every failure to get any answer that is blamed on s, as it has answered
// again. It costs next to nothing when there is none, so it may be called for every answer.
func (s *Source) Recovered() {
	if s.failed.Load() && s.failed.Swap(false) {
		s.epoch.Add(1)
	}
}

// Replaced clears every failure that is blamed on s, answered SERVFAILs too: from now on
// other servers are asked.
func (s *Source) Replaced() {
	s.Recovered()
	s.servers.Add(1)
}

// fault is what a failure was.
type fault struct {
	source *Source
	epoch  uint32 // of the source, by which it is void one day
	times  uint8  // how often in a row an answer of no use came, mostly SERVFAIL; 0 for none at all
}

// cleared reports whether the failure is void.
func (f *fault) cleared() bool {
	if f.times > 0 {
		return f.source.servers.Load() != f.epoch
	}
	return f.source.epoch.Load() != f.epoch
}

// unanswered is how long a timeout, a broken transport or a malformed answer stands for the
// next answer (RFC 9520, section 3.2, wants at least 1 s).
const unanswered = time.Second

// Fail remembers for 1 s that q got no answer of use, so that asking again costs no wait, and
// for the policy's Recheck where an answer is there that may still be used. Recovered of its
// source, which must not be nil, ends both at once.
func (c *Cache) Fail(q *wire.Query, s *Source, p *Policy, now time.Duration) {
	f := &fault{source: s, epoch: s.epoch.Load()}
	c.putFailure(q, f, now, unanswered)
	c.putOff(q, f, p, now)
	s.failed.Store(true) // last: a Recovered that does not see it yet would clear nothing
}

// storeServFail keeps a SERVFAIL that s answered, the longer the more often it came.
func (c *Cache) storeServFail(q *wire.Query, s *Source, p *Policy, now time.Duration) bool {
	if p.ServFail.First <= 0 {
		return false
	}
	times := c.timesFailed(q, now) + 1
	return c.putFailure(q, &fault{s, s.servers.Load(), times}, now, p.ServFail.after(times))
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
	if e == nil || now-e.expires > longestFailure || e.fault.cleared() {
		return 0
	}
	return min(e.fault.times, 100)
}

// putFailure keeps a SERVFAIL of our own for q.
func (c *Cache) putFailure(q *wire.Query, f *fault, now, life time.Duration) bool {
	var buf [wire.MaxKey]byte
	var msg [wire.HeaderLen + wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	e := newEntry(key, wire.AppendHeader(msg[:0], q, wire.ServFail), now, life)
	e.kind, e.fault = wire.Failed, f
	hash := wire.Hash(c.seed, key)
	return c.shard(hash).put(failure, hash, e, nil)
}
