package cache

import (
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Store keeps a response to q, of which it makes a copy, and reports what the response says
// and whether it was kept. Not kept are: what is malformed, truncated or answers another
// question; a denial without an SOA record (RFC 2308, section 5); referrals, and codes other
// than NOERROR, NXDOMAIN and SERVFAIL; types that stand for no records; what the policy
// rules out. A SERVFAIL takes no place of an answer, stale or not.
func (c *Cache) Store(q *wire.Query, response []byte, p *Policy, now time.Duration) (v wire.Verdict, kept bool) {
	scratch := c.scratch.Get().(*[]byte)
	defer c.scratch.Put(scratch)
	msg, ok := wire.Repack((*scratch)[:0], response)
	*scratch = msg[:0]
	switch {
	case ok && q.Asked(msg):
		v = wire.Classify(msg)
	case wire.Message(response).Rcode() == wire.ServFail:
		v.Kind = wire.Failed // such a response may lack the question
	}
	switch {
	case wire.Message(msg).Truncated() || q.Type.Meta():
		return v, false
	case v.Kind == wire.Failed:
		return v, c.storeServFail(q, p, now)
	}
	return v, c.storeAnswer(q, msg, &v, p, now)
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
