package resolve

import (
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/metrics"
)

// cached answers q from the cache, or has it answered later.
func (r *Resolver) cached(dst []byte, q *query) ([]byte, origin) {
	var x extra
	b, start := q.route.Block, len(dst)
	reply, state := b.Cache.Append(dst, &q.Query, &b.Policy, q.began)
	switch state {
	case cache.Fresh:
		return r.finish(reply, start, q, &x), fromCache(reply[start:])
	case cache.Prefetch:
		r.refresh(b, &q.Query)
		from := fromCache(reply[start:])
		from.prefetch = true
		return r.finish(reply, start, q, &x), from
	case cache.Failed:
		if stale, ok := r.stale(dst, q, failing); ok {
			return stale, fromStale(stale[start:])
		}
		x.why(wire.CachedError, "") // RFC 8914, section 4.14
		return r.finish(reply, start, q, &x), origin{source: metrics.Failure}
	}
	if reply, ok := r.cut(dst, q); ok {
		return reply, origin{source: metrics.Cut}
	}
	return r.missed(dst, q)
}

// missed answers q from what has expired, if upstream is out, or has it answered later.
func (r *Resolver) missed(dst []byte, q *query) ([]byte, origin) {
	b, start := q.route.Block, len(dst)
	if stale, ok := r.stale(dst, q, asking); ok {
		r.refresh(b, &q.Query)
		return stale, fromStale(stale[start:])
	}
	if b.firstUpstream(q.Name) == nil {
		return r.failed(dst, q, wire.NotReady, "no upstream for this name"), origin{}
	}
	boarded := r.board(q, false)
	if boarded == late {
		if stale, ok := r.stale(dst, q, waiting); ok {
			return stale, fromStale(stale[start:])
		}
		boarded = r.board(q, true)
	}
	if boarded == full {
		return r.code(dst, q, wire.Refused), origin{}
	}
	return nil, origin{}
}
