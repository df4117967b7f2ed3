package resolve

import (
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// moment is when an answer that has expired may be given.
type moment uint8

const (
	asking  moment = iota // before upstream is asked
	waiting               // upstream takes its time
	failing               // upstream failed
)

// mayBeStale reports whether a name of u may be answered from what has expired (RFC 8767,
// section 5): at once while no server can be reached, else as the block says.
func (b *Block) mayBeStale(name wire.Name, u *Upstream, when moment) bool {
	switch {
	case !b.Stale.On || u == nil:
		return false
	case u.Pool.Out():
		return true
	case !b.Stale.Explicit && belowAny(name, b.Inside):
		return false
	case when == asking:
		return b.Stale.Wait == 0
	}
	return true
}

// stale appends a reply to q from an answer that has expired, if there is one and it may be used.
func (r *Resolver) stale(dst []byte, q *query, when moment) (reply []byte, ok bool) {
	b, start := q.route.Block, len(dst)
	if !b.mayBeStale(q.Name, b.firstUpstream(q.Name), when) {
		return dst, false
	}
	var x extra
	reply, state := b.Cache.AppendStale(dst, &q.Query, &b.Policy, r.now())
	switch state {
	case cache.Miss:
		return dst, false
	case cache.Stale:
		x.why(wire.StaleAnswer, "") // RFC 8914, section 4.4 and 4.20
		if wire.Message(reply[start:]).Rcode() == wire.NXDomain {
			x.why(wire.StaleNXDomain, "")
		}
	}
	return r.finish(reply, start, q, &x), true
}
