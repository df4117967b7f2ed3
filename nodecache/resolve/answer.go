package resolve

import (
	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// origin is where a reply comes from. The zero origin is the server itself.
type origin struct {
	source   tally.Source
	stale    bool // the answer is stale
	prefetch bool // upstream is being asked for the next answer
}

// fromCache returns the origin of a fresh answer from the cache.
func fromCache(reply wire.Message) origin {
	if reply.HeaderRcode() == wire.NXDomain || reply.Answers() == 0 {
		return origin{source: tally.Denial}
	}
	return origin{source: tally.Success}
}

// answer appends the reply to q, or nothing if the reply comes later.
func (q *query) answer(dst []byte, status wire.Status) ([]byte, origin) {
	switch {
	case status == wire.CookieOnly:
		return q.cookieOnly(dst), origin{}
	case status != wire.Valid: // options of a query that is not understood get no answer
		return wire.AppendReply(dst, &q.Query, status.Rcode(), wire.RA, nil), origin{}
	case q.Class == wire.CH:
		return q.chaos(dst), origin{}
	case q.route == nil:
		return q.code(dst, wire.Refused, whyNoBlock), origin{}
	case q.Class != wire.IN:
		return q.code(dst, wire.Refused, whyNoClass), origin{}
	case q.Type == wire.AXFR || q.Type == wire.IXFR:
		return q.code(dst, wire.Refused, whyNoTransfer), origin{}
	case q.Type.Meta():
		return q.code(dst, wire.NotImpl, whyNoType), origin{}
	}
	if reply, source, ok := q.localAnswer(dst); ok {
		return reply, origin{source: source}
	}
	return q.cached(dst)
}

// cookieOnly answers a client that asks for nothing but a cookie (RFC 7873, section 5.4). If the query
// has a server's part already, that must be valid.
func (q *query) cookieOnly(dst []byte) []byte {
	rcode := wire.NoError
	if len(q.Cookie) > cookie.ClientLen && !q.r.Cookies.Valid(q.Cookie, q.remote.Addr(), q.r.Clock.Time(q.began)) {
		rcode = wire.BadCookie
	}
	return q.code(dst, rcode, wire.Error{})
}

// cached answers q from the cache, or sees to an answer later.
func (q *query) cached(dst []byte) ([]byte, origin) {
	b, start := q.route.Block, len(dst)
	reply, why, state := b.Cache.Append(dst, &q.Query, &b.Policy, q.began)
	switch state {
	case cache.Miss:
		return q.missed(dst)
	case cache.Retry:
		q.r.refresh(b, &q.Query)
		fallthrough
	case cache.Failed:
		return q.failedBefore(dst, wire.Message(reply[start:]).HeaderRcode(), why)
	}
	from := fromCache(reply[start:])
	if from.prefetch = state == cache.Prefetch; from.prefetch {
		q.r.refresh(b, &q.Query)
	}
	return q.finish(reply, start, why), from
}

// failedBefore answers q after upstream has just failed to answer it, with a code, and with what was kept
// as the reason.
func (q *query) failedBefore(dst []byte, code wire.Rcode, why wire.Error) ([]byte, origin) {
	if q.route.Block.mayBeStale(q.Name) {
		if reply, from, ok := q.stale(dst); ok {
			return reply, from
		}
	}
	return q.code(dst, code, ofFailure(code, why)), origin{source: tally.Failure}
}

// missed answers q, which the cache has no answer for: from what is known of a name above, or with a
// stale answer while upstream is out. Otherwise it sees to an answer later.
func (q *query) missed(dst []byte) ([]byte, origin) {
	b := q.route.Block
	first := b.firstForward(q.Name)
	if first == nil {
		return q.code(dst, wire.ServFail, whyNoForward), origin{}
	}
	if reply, ok := q.cut(dst); ok {
		return reply, origin{source: tally.Cut}
	}
	if b.staleAtOnce(q.Name, first) {
		if reply, from, ok := q.stale(dst); ok {
			q.r.refresh(b, &q.Query)
			return reply, from
		}
	}
	return q.ask(dst)
}

// cut appends an NXDOMAIN reply if a name above q's is known not to exist; see cuts.go.
func (q *query) cut(dst []byte) (reply []byte, ok bool) {
	b, start := q.route.Block, len(dst)
	var names [deepest]wire.Name
	above := b.above(&names, q.Name)
	for i := len(above) - 1; i > 0; i-- { // in most cases the longest name is denied
		reply, why, ok := b.denied(dst, q, above[i])
		if !ok {
			continue
		}
		if q.inHosts || b.knows(above[0], &q.Query, q.began) != cache.Exists || b.cuts.barred(above[i], q.began) || b.cuts.isSample() {
			return dst, false
		}
		if !why.Set {
			why = whyCut
		}
		return q.finish(reply, start, why), true
	}
	return dst, false
}

// stale appends a reply to q from a stale answer, if there is one.
func (q *query) stale(dst []byte) (reply []byte, from origin, ok bool) {
	b, start := q.route.Block, len(dst)
	reply, why, state := b.Cache.AppendStale(dst, &q.Query, &b.Policy, q.r.now())
	if state == cache.Miss {
		return dst, origin{}, false
	}
	from = fromCache(reply[start:])
	if state == cache.Fresh { // it came this very moment
		return q.finish(reply, start, why), from, true
	}
	from.stale = true
	var buf [3 * wire.MaxErrorText]byte // two texts and some words
	why = ofStale(buf[:0], b.firstForward(q.Name), wire.Message(reply[start:]).HeaderRcode(), why)
	return q.finish(reply, start, why), from, true
}

// ask puts q on a flight, which answers it later. If that flight is late already, q gets a stale answer
// at once.
func (q *query) ask(dst []byte) ([]byte, origin) {
	boarded := q.r.board(q, false)
	if boarded == late {
		if reply, from, ok := q.stale(dst); ok {
			return reply, from
		}
		boarded = q.r.board(q, true)
	}
	if boarded == full {
		return q.code(dst, wire.Refused, whyBusy), origin{}
	}
	return nil, origin{}
}
