package cache

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Denied reports whether a fresh NXDOMAIN is known for the name, type, class, DO and CD of q
// that speaks of this very name: one with an alias in it denies another (RFC 6604, section 3).
// Then nothing exists below it either (RFC 8020, section 2).
func (c *Cache) Denied(q *wire.Query, now time.Duration) bool { return c.denied(q, now) != nil }

func (c *Cache) denied(q *wire.Query, now time.Duration) *entry {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	hash := wire.Hash(c.seed, key)
	e := c.shard(hash).get(denial, hash, key)
	if e == nil || e.kind != wire.NoName || e.alias || !e.fresh(now) {
		return nil
	}
	return e
}

// AppendDenied appends an NXDOMAIN reply to q if Denied is true of above, which asks for a
// name above q's. It carries the SOA record known there, with what is left of its TTL.
func (c *Cache) AppendDenied(dst []byte, q, above *wire.Query, now time.Duration) (reply []byte, ok bool) {
	e := c.denied(above, now)
	if e == nil || !q.Name.Below(above.Name) {
		return dst, false
	}
	left := (e.expires - now + time.Second - 1) / time.Second
	return wire.AppendDenial(dst, q, e.data[:e.size], uint32(left))
}
