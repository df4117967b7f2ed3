package resolve

import (
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cookie"
)

// keepalive is how long a client may keep a TCP connection without a query, in units of
// 100 ms (RFC 7828, section 3.1): as long as the front does, less what a packet may take.
const keepalive = 90

// extra is what a reply says beside its records.
type extra struct {
	wire.Options
	cookie [cookie.Len]byte
}

// options fills x for the reply to q.
func (r *Resolver) options(x *extra, q *wire.Query, a *asker) {
	if !q.EDNS {
		return
	}
	if q.Cookie != nil {
		x.Cookie = r.Cookies.Append(x.cookie[:0], q.Cookie, a.remote.Addr(), r.start.Add(a.began))
	}
	if a.tcp && q.Keepalive { // never over UDP (RFC 7828, section 3.2.1)
		x.Keepalive, x.Timeout = true, keepalive
		if a.leaving {
			x.Timeout = 0 // close, please (RFC 7828, section 3.3.2)
		}
	}
}

// why says the reason for a reply (RFC 8914).
func (x *extra) why(code wire.ErrorCode, text string) {
	x.Error = wire.Error{Set: true, Code: code, Text: text}
}

// close ends the reply that begins at dst[start]: its size is what the asker takes.
func (r *Resolver) close(dst []byte, start int, q *wire.Query, a *asker, most int, x *extra) []byte {
	r.options(x, q, a)
	size := wire.MaxMessage
	if !a.tcp {
		size = min(int(q.UDPSize), most)
	}
	return wire.CloseReply(dst, start, size, q, &x.Options)
}

// finish is close for a query whose front waits.
func (r *Resolver) finish(dst []byte, start int, q *query, x *extra) []byte {
	return r.close(dst, start, &q.Query, &q.asker, q.most(), x)
}

// most returns how long a reply over UDP may be.
func (q *query) most() int {
	if q.route == nil {
		return wire.UDPSize
	}
	return q.route.Block.UDPSize
}

// code appends a reply without records.
func (r *Resolver) code(dst []byte, q *query, rcode wire.Rcode) []byte {
	var x extra
	r.options(&x, &q.Query, &q.asker)
	return wire.AppendReply(dst, &q.Query, rcode, &x.Options)
}

// failed appends a SERVFAIL that says why.
func (r *Resolver) failed(dst []byte, q *query, code wire.ErrorCode, text string) []byte {
	var x extra
	x.why(code, text)
	r.options(&x, &q.Query, &q.asker)
	return wire.AppendReply(dst, &q.Query, wire.ServFail, &x.Options)
}
