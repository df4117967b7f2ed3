package cache

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Limits bound what all shards together keep of one class. Bytes are bytes of heap: the
// messages, and what the cache needs beside each.
type Limits struct {
	Entries int
	Bytes   int64
}

// Options are the sizes of a Cache.
type Options struct {
	Success, Denial, Failure Limits

	shards int // a power of two; 0 for a number that suits the machine and the limits
}

// State says what Append or AppendStale found.
type State uint8

// The outcomes of a lookup.
const (
	Miss     State = iota // nothing that may be used; dst is unchanged
	Fresh                 // an answer
	Prefetch              // an answer, and the caller should ask upstream for its successor
	Stale                 // an answer that has expired
	Failed                // a failure: upstream is not to be asked yet; see Fail and Policy.Recheck
	Retry                 // a failure, and the caller should ask upstream whether it persists
)

// Cache keeps answers.
type Cache struct {
	seed   maphash.Seed
	shift  int // shifts a hash right, to the number of its shard
	shards []*shard
}

// New returns an empty Cache.
func New(o Options) *Cache {
	n := o.count()
	c := &Cache{seed: maphash.MakeSeed(), shift: 64 - bits.TrailingZeros(uint(n))}
	for range n {
		c.shards = append(c.shards, newShard(o.perShard(n)))
	}
	return c
}

// fewest is how many entries a shard should hold at least. Names spread over shards by chance,
// so small shards overflow long before the cache is full.
const fewest = 64

// count returns the number of shards, a power of two.
func (o *Options) count() int {
	n := o.shards
	if n <= 0 {
		n = min(4*runtime.GOMAXPROCS(0), 64)
		for n > 1 && max(o.Success.Entries, o.Denial.Entries)/n < fewest {
			n /= 2
		}
	}
	return 1 << (bits.Len(uint(n)) - 1)
}

// perShard returns the limits of each of n shards.
func (o *Options) perShard(n int) (limits [classes]Limits) {
	for c, l := range [classes]Limits{o.Success, o.Denial, o.Failure} {
		limits[c] = Limits{Entries: (l.Entries + n - 1) / n, Bytes: l.Bytes / int64(n)}
	}
	return limits
}

// SetLimits changes the limits at once and evicts what exceeds them. The number of shards stays.
func (c *Cache) SetLimits(o Options) {
	for _, s := range c.shards {
		s.setLimits(o.perShard(len(c.shards)))
	}
}

// locate returns the key of q's question, which it writes to buf, its hash, and its shard.
func (c *Cache) locate(buf *[wire.MaxKey]byte, q *wire.Query) (key []byte, hash uint64, s *shard) {
	key = wire.AppendKey(buf[:0], q)
	hash = wire.Hash(c.seed, key)
	return key, hash, c.shards[hash>>c.shift]
}

// Append appends the reply to q if the cache has one. The reply takes ID, RD, CD and letter case
// from q. Its TTLs have aged, and its addresses come in another order each time.
// For Failed and Retry the reply has no records, only a code: that of upstream's last answer, or
// SERVFAIL if upstream did not answer.
//
// Why is the extended error that came with the answer, or the one given to Fail. Its text is the cache's,
// and never changes.
func (c *Cache) Append(dst []byte, q *wire.Query, p *Policy, now time.Duration) (reply []byte, why wire.Error, state State) {
	var buf [wire.MaxKey]byte
	key, hash, s := c.locate(&buf, q)
	e, found := s.fresh(hash, key, p, now)
	switch found {
	case classes:
		return dst, why, Miss
	case failure:
		return e.appendFailure(dst, q, now)
	}
	if p.Prefetch.due(e, now) {
		return e.appendFresh(dst, q, p, now), e.extended(), Prefetch
	}
	return e.appendFresh(dst, q, p, now), e.extended(), Fresh
}

// AppendStale appends the reply to q from an answer that expired less than the policy's Stale
// ago. The answer may be a success or a denial, but never a failure. Each of its TTLs is
// StaleTTL. If a fresh answer has arrived meanwhile, AppendStale uses that. Why is as for Append.
func (c *Cache) AppendStale(dst []byte, q *wire.Query, p *Policy, now time.Duration) (reply []byte, why wire.Error, state State) {
	e := c.expired(q, p, now)
	if e == nil {
		return dst, why, Miss
	}
	if e.fresh(now) {
		return e.appendFresh(dst, q, p, now), e.extended(), Fresh
	}
	start := len(dst)
	dst = e.append(dst, q)
	e.setTTLs(dst[start:], p.StaleTTL)
	return dst, e.extended(), Stale
}

// HasStale reports whether AppendStale would find an answer.
func (c *Cache) HasStale(q *wire.Query, p *Policy, now time.Duration) bool {
	return c.expired(q, p, now) != nil
}

// expired returns the entry that AppendStale would use, or nil.
func (c *Cache) expired(q *wire.Query, p *Policy, now time.Duration) *entry {
	var buf [wire.MaxKey]byte
	key, hash, s := c.locate(&buf, q)
	return s.expired(hash, key, p, now)
}

// Knowledge is what a cache knows about the existence of a name.
type Knowledge uint8

// The cache may know this about a name.
const (
	Unknown Knowledge = iota
	Exists
	Denied // neither the name nor any name below it exists (RFC 8020, section 2)
)

// Knows returns what the cache's fresh answers say about the existence of q's name. It looks at
// answers to q's own name, type, class, DO and CD. An NXDOMAIN that holds an alias denies the
// alias's target, not q's name (RFC 6604, section 3).
func (c *Cache) Knows(q *wire.Query, now time.Duration) Knowledge {
	var buf [wire.MaxKey]byte
	key, hash, s := c.locate(&buf, q)
	if e := s.get(success, hash, key); e != nil && e.fresh(now) {
		return Exists
	}
	e := s.get(denial, hash, key)
	switch {
	case e == nil || !e.fresh(now):
		return Unknown
	case e.deniesName():
		return Denied
	}
	return Exists
}

// AppendDenied appends an NXDOMAIN reply to q if the cache knows that the name of above, which
// must be above q's, does not exist. The reply carries the SOA record of that denial, with what
// is left of its TTL. Why is the denial's, as for Append: what it says of the name above holds for
// all names below.
func (c *Cache) AppendDenied(dst []byte, q, above *wire.Query, now time.Duration) (reply []byte, why wire.Error, ok bool) {
	var buf [wire.MaxKey]byte
	key, hash, s := c.locate(&buf, above)
	e := s.get(denial, hash, key)
	if e == nil || !e.deniesName() || !e.fresh(now) || !q.Name.Below(above.Name) {
		return dst, why, false
	}
	left := (e.expires - max(now, e.stored) + time.Second - 1) / time.Second // q may have come before e
	reply, ok = wire.AppendDenial(dst, q, e.data[:e.size], uint32(left))
	return reply, e.extended(), ok
}

// Remove forgets what the cache has for q's question: success, denial and failure.
func (c *Cache) Remove(q *wire.Query) {
	var buf [wire.MaxKey]byte
	_, hash, s := c.locate(&buf, q)
	s.remove(hash)
}

// Flush forgets what the cache has for name, for names below it, and for aliases that lead to any
// of these. It also forgets the denials of names above, which say that name does not exist (RFC
// 8020). It returns how many answers and failures these were.
func (c *Cache) Flush(name wire.Name) (forgotten int) {
	for _, s := range c.shards {
		s.each(func(_ class, e *entry) *entry {
			if e.name().Below(name) || e.leadsTo(name) || e.kind == wire.NoName && name.Below(e.name()) {
				forgotten++
				return nil
			}
			return e
		})
	}
	return forgotten
}

// Tighten applies the policies of today to everything in the cache: it shortens the life and
// lowers the TTLs of some entries, and forgets others. Call it when policies change. It holds
// each shard's lock for some 100 ns an entry.
func (c *Cache) Tighten(policy func(wire.Name) Policy) {
	for _, s := range c.shards {
		s.each(func(part class, e *entry) *entry {
			p := policy(e.name())
			return e.within(part, &p)
		})
	}
}

// Counts are the figures of one class: the entries it has now, and how many it has evicted for
// lack of room since the Cache was made.
type Counts struct {
	Entries   int
	Evictions uint64
}

// Stats are the figures of a Cache. Denial counts NXDOMAIN and NODATA.
type Stats struct {
	Success, Denial, Failure Counts
}

// Stats adds up the figures of all shards. Each shard is read at a moment of its own.
func (c *Cache) Stats() (st Stats) {
	for _, s := range c.shards {
		s.addTo(&st)
	}
	return st
}
