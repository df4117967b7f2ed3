package cache

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Knowledge is what a cache knows about the existence of a name.
type Knowledge uint8

// What may be known of a name.
const (
	Unknown Knowledge = iota
	Exists
	Denied // and so is all below it (RFC 8020, section 2)
)

// Knows returns what fresh answers for the name, type, class, DO and CD of q say about that
// name. An NXDOMAIN with an alias in it denies another one (RFC 6604, section 3).
func (c *Cache) Knows(q *wire.Query, now time.Duration) Knowledge {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	hash := wire.Hash(c.seed, key)
	s := c.shard(hash)
	if e := s.get(success, hash, key); e != nil && e.fresh(now) {
		return Exists
	}
	e := s.get(denial, hash, key)
	switch {
	case e == nil || !e.fresh(now):
		return Unknown
	case e.kind != wire.NoName || e.alias:
		return Exists
	}
	return Denied
}

// AppendDenied appends an NXDOMAIN reply to q if above, which asks for a name above q's, is
// known to be denied. It carries the SOA record known there, with what is left of its TTL.
func (c *Cache) AppendDenied(dst []byte, q, above *wire.Query, now time.Duration) (reply []byte, ok bool) {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], above)
	hash := wire.Hash(c.seed, key)
	e := c.shard(hash).get(denial, hash, key)
	if e == nil || e.kind != wire.NoName || e.alias || !e.fresh(now) || !q.Name.Below(above.Name) {
		return dst, false
	}
	left := (e.expires - max(now, e.stored) + time.Second - 1) / time.Second // q may have come before e
	return wire.AppendDenial(dst, q, e.data[:e.size], uint32(left))
}
