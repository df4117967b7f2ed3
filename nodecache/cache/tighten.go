package cache

import (
	"bytes"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Tighten brings what is kept within what the policy of its name allows now: no longer, or not at
// all. It is for when policies change; each shard is held up for some 100 ns an entry.
func (c *Cache) Tighten(policy func(wire.Name) Policy) {
	for _, s := range c.shards {
		s.each(func(part class, e *entry) *entry {
			p := policy(e.name())
			return e.within(part, &p)
		})
	}
}

// Flush forgets what is kept of name and of the names below it, and of names that are aliases of
// these; and the denials above that have them not exist (RFC 8020). It returns how many answers
// and failures these were.
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

// each has every entry replaced by what f makes of it, nil for nothing. Their order stays.
func (s *shard) each(f func(class, *entry) *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.parts {
		p := &s.parts[c]
		for _, hash := range p.lru.Keys() { // the least used first, as they have to be put again
			e, _ := p.lru.Peek(hash)
			p.remove(hash)
			if e = f(class(c), e); e != nil {
				p.put(hash, e)
			}
		}
	}
}

// name returns the name that e answers for, a view in lower case.
func (e *entry) name() wire.Name {
	name, _, _, _ := wire.Message(e.data[:e.size]).Question()
	return name
}

// leadsTo reports whether name, or one below it, is at the end of aliases in e's answer, or between.
func (e *entry) leadsTo(name wire.Name) bool {
	m := e.data[:e.size]
	for w := wire.Walk(m); w.Next() && w.Section == wire.Answer; {
		var buf [wire.MaxName]byte
		if w.Type != wire.CNAME {
			continue
		}
		if target, _, ok := wire.AppendName(buf[:0], m, w.Data); ok && wire.Name(target).Below(name) {
			return true
		}
	}
	return false
}

// within returns e, or a copy that p allows in a class, nil if it allows none.
func (e *entry) within(c class, p *Policy) *entry {
	life, ttl := p.allows(c, e)
	switch {
	case life <= 0:
		return nil
	case e.expires-e.stored <= life && e.mostTTL() <= ttl:
		return e
	}
	n := &entry{
		data: bytes.Clone(e.data), size: e.size, bits: e.bits, kind: e.kind, alias: e.alias, run: e.run,
		stored: e.stored, expires: e.stored + min(e.expires-e.stored, life), fault: e.fault,
	}
	wire.Message(n.data[:n.size]).ClampTTLs(0, ttl)
	n.inherit(e)
	n.off.Store(e.off.Load())
	return n
}

// allows returns how long an entry of a class may be kept, and the greatest TTL that it may carry,
// in seconds.
func (p *Policy) allows(c class, e *entry) (life time.Duration, ttl uint32) {
	switch {
	case c == success:
		ttl = p.Positive.Max
	case c == denial:
		ttl = p.Denial.Max
	case e.fault.times == 0 || e.kind == wire.Refusal:
		return unanswered, 0
	case p.ServFail.First > 0:
		return p.ServFail.after(e.fault.times), 0
	}
	return time.Duration(ttl) * time.Second, ttl
}

// mostTTL returns the greatest TTL that was stored, in seconds.
func (e *entry) mostTTL() (ttl uint32) {
	for w := wire.Walk(e.data[:e.size]); w.Next(); {
		ttl = max(ttl, w.TTL)
	}
	return ttl
}
