package resolve

import (
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// mayBeStale reports whether a name may be answered from what has expired (RFC 8767, section 5),
// now that its upstreams have been asked and take long, or failed: names inside the cluster only
// while no server of one of them can be reached at all.
func (b *Block) mayBeStale(name wire.Name) bool {
	if !b.Stale.On || b.firstForward(name) == nil {
		return false
	}
	return b.Stale.Explicit || !belowAny(name, b.Inside) || b.out(name)
}

// out reports whether no server can be reached of an upstream that name may be asked of.
func (b *Block) out(name wire.Name) bool {
	for u, i := b.upstream(name, 0); u != nil; u, i = b.upstream(name, i+1) {
		if u.Upstream.Out() {
			return true
		}
		if !u.mayHandOn() {
			break
		}
	}
	return false
}

// staleAtOnce reports whether that is so before u, the first, is asked: while no server of it can
// be reached, or where the configuration says so.
func (b *Block) staleAtOnce(name wire.Name, u *Forward) bool {
	return b.mayBeStale(name) && (b.Stale.Wait == 0 || u.Upstream.Out())
}

// stale appends a reply to q from an answer that has expired, if there is one.
func (r *Resolver) stale(dst []byte, q *query) (reply []byte, from origin, ok bool) {
	b, start := q.route.Block, len(dst)
	reply, state := b.Cache.AppendStale(dst, &q.Query, &b.Policy, r.now())
	if state == cache.Miss {
		return dst, origin{}, false
	}
	from = fromCache(reply[start:])
	if state == cache.Fresh { // it came this very moment
		return r.finish(reply, start, q, wire.Error{}), from, true
	}
	from.stale = true
	code := wire.StaleAnswer // RFC 8914, section 4.4 and 4.20
	if wire.Message(reply[start:]).HeaderRcode() == wire.NXDomain {
		code = wire.StaleNXDomain
	}
	return r.finish(reply, start, q, because(code, "")), from, true
}
