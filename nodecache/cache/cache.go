package cache

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Limits bound what is kept of one class over all shards. Bytes are those of the heap:
// messages, and what each takes beside.
type Limits struct {
	Entries int
	Bytes   int64
}

// Options are the sizes of a Cache.
type Options struct {
	Success, Denial, Failure Limits
	Shards                   int // a power of two; 0 for what suits the machine and the limits
}

// State says what Append found.
type State uint8

// The outcomes of a lookup.
const (
	Miss     State = iota // nothing that may be used; dst is as it was
	Fresh                 // an answer
	Prefetch              // an answer, and the caller should ask upstream for the next
	Stale                 // an answer that has expired
	Failed                // that upstream is not to be asked yet: see Fail, and Policy.Recheck
	Retry                 // the same, and the caller should ask upstream whether that is still so
)

// Cache keeps answers.
type Cache struct {
	seed   maphash.Seed
	shift  int // of a hash, to the number of its shard
	shards []*shard
}

// New returns an empty Cache.
func New(o Options) *Cache {
	n := o.shards()
	c := &Cache{seed: maphash.MakeSeed(), shift: 64 - bits.TrailingZeros(uint(n))}
	for range n {
		c.shards = append(c.shards, newShard(o.perShard(n)))
	}
	return c
}

// fewest is how many entries a shard should hold at least: names spread over shards by
// chance, and a small shard overflows long before the cache is full.
const fewest = 64

// shards returns the number of shards, a power of two.
func (o *Options) shards() int {
	n := o.Shards
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

// SetLimits changes the limits at once and keeps what fits. Shards stay as many as they are.
func (c *Cache) SetLimits(o Options) {
	for _, s := range c.shards {
		s.setLimits(o.perShard(len(c.shards)))
	}
}

// shard returns the shard of a hash.
func (c *Cache) shard(hash uint64) *shard { return c.shards[hash>>c.shift] }

// Append appends the reply to q if what it asks is known: ID, RD, CD and letter case are the
// asker's, TTLs have been counted down, addresses are in another order each time. For Failed and
// Retry it has no records: the code of upstream's last answer, or SERVFAIL where there was none.
func (c *Cache) Append(dst []byte, q *wire.Query, p *Policy, now time.Duration) (reply []byte, state State) {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	hash := wire.Hash(c.seed, key)
	s := c.shard(hash)
	e, found := s.fresh(hash, key, p, now)
	switch found {
	case classes:
		return dst, Miss
	case failure:
		return e.appendFailure(dst, q, now)
	}
	if p.Prefetch.due(e, now) {
		return appendFresh(dst, q, e, p, now), Prefetch
	}
	return appendFresh(dst, q, e, p, now), Fresh
}

// appendFresh appends a reply with TTLs counted down.
func appendFresh(dst []byte, q *wire.Query, e *entry, p *Policy, now time.Duration) []byte {
	start := len(dst)
	dst = e.append(dst, q)
	if !p.KeepTTL {
		e.ageTTLs(dst[start:], e.age(now))
	}
	return dst
}

// AppendStale appends the reply to q from an answer that has expired no longer ago than the
// policy's Stale, which may be NXDOMAIN or NODATA but is never a failure. Its TTLs are
// StaleTTL. If a fresh answer has arrived since, that is taken.
func (c *Cache) AppendStale(dst []byte, q *wire.Query, p *Policy, now time.Duration) (reply []byte, state State) {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	hash := wire.Hash(c.seed, key)
	s := c.shard(hash)
	e := s.expired(hash, key, p, now)
	if e == nil {
		return dst, Miss
	}
	if e.fresh(now) {
		return appendFresh(dst, q, e, p, now), Fresh
	}
	start := len(dst)
	dst = e.append(dst, q)
	e.setTTLs(dst[start:], p.StaleTTL)
	return dst, Stale
}

// HasStale reports whether AppendStale would find something.
func (c *Cache) HasStale(q *wire.Query, p *Policy, now time.Duration) bool {
	return c.expired(q, p, now) != nil
}

// expired returns what AppendStale would use, or nil.
func (c *Cache) expired(q *wire.Query, p *Policy, now time.Duration) *entry {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	hash := wire.Hash(c.seed, key)
	return c.shard(hash).expired(hash, key, p, now)
}

// Remove forgets everything about q's question.
func (c *Cache) Remove(q *wire.Query) {
	var buf [wire.MaxKey]byte
	hash := wire.Hash(c.seed, wire.AppendKey(buf[:0], q))
	c.shard(hash).remove(hash)
}
