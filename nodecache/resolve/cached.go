package resolve

import (
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// cached answers q from the cache, or has it answered later.
func (r *Resolver) cached(dst []byte, q *query) ([]byte, origin) {
	b, start := q.route.Block, len(dst)
	reply, state := b.Cache.Append(dst, &q.Query, &b.Policy, q.began)
	switch state {
	case cache.Miss:
		return r.missed(dst, q)
	case cache.Retry:
		r.refresh(b, &q.Query)
		fallthrough
	case cache.Failed:
		return r.failedBefore(dst, q, wire.Message(reply[start:]).HeaderRcode())
	}
	from := fromCache(reply[start:])
	if from.prefetch = state == cache.Prefetch; from.prefetch {
		r.refresh(b, &q.Query)
	}
	return r.finish(reply, start, q, wire.Error{}), from
}

// failedBefore answers q, for which upstream failed a moment ago, with a code.
func (r *Resolver) failedBefore(dst []byte, q *query, code wire.Rcode) ([]byte, origin) {
	b := q.route.Block
	if b.mayBeStale(q.Name) {
		if stale, from, ok := r.stale(dst, q); ok {
			return stale, from
		}
	}
	why := wire.Error{}
	if code == wire.ServFail {
		why = because(wire.CachedError, "") // RFC 8914, section 4.14
	}
	return r.code(dst, q, code, why), origin{source: tally.Failure}
}

// missed answers q from what is known of a name above, or from what has expired if upstream
// is out, or has it answered later.
func (r *Resolver) missed(dst []byte, q *query) ([]byte, origin) {
	b := q.route.Block
	u := b.firstForward(q.Name)
	if u == nil {
		return r.code(dst, q, wire.ServFail, because(wire.NotReady, "no upstream for this name")), origin{}
	}
	if reply, ok := r.cut(dst, q); ok {
		return reply, origin{source: tally.Cut}
	}
	if b.staleAtOnce(q.Name, u) {
		if stale, from, ok := r.stale(dst, q); ok {
			r.refresh(b, &q.Query)
			return stale, from
		}
	}
	return r.asked(dst, q)
}

// asked has q answered later by a flight, or at once where that is late.
func (r *Resolver) asked(dst []byte, q *query) ([]byte, origin) {
	boarded := r.board(q, false)
	if boarded == late {
		if stale, from, ok := r.stale(dst, q); ok {
			return stale, from
		}
		boarded = r.board(q, true)
	}
	if boarded == full {
		return r.code(dst, q, wire.Refused, wire.Error{}), origin{}
	}
	return nil, origin{}
}
