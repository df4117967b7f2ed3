package resolve

import (
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cookie"
)

// keepalive is how long a client may keep a TCP connection without a query, in units of
// 100 ms (RFC 7828, section 3.1): as long as the front does, less what a packet may take.
const keepalive = 90

// options returns those of the reply to q, its cookie in buf.
func (r *Resolver) options(buf []byte, q *query, why wire.Error) (o wire.Options) {
	if !q.EDNS {
		return o
	}
	o.Error = why
	if q.Cookie != nil {
		o.Cookie = r.Cookies.Append(buf, q.Cookie, q.remote.Addr(), r.Clock.Time(q.began))
	}
	if q.tcp && q.Keepalive { // never over UDP (RFC 7828, section 3.2.1)
		o.Keepalive, o.Timeout = true, keepalive
		if q.leaving {
			o.Timeout = 0 // close, please (RFC 7828, section 3.3.2)
		}
	}
	return o
}

// because is the reason for a reply (RFC 8914).
func because(code wire.ErrorCode, text string) wire.Error {
	return wire.Error{Set: true, Code: code, Text: text}
}

// finish ends the reply that begins at dst[start]: its size is what the asker takes, and to ANY
// over UDP it has one set of records. The zero why is none.
func (r *Resolver) finish(dst []byte, start int, q *query, why wire.Error) []byte {
	var buf [cookie.Len]byte
	o := r.options(buf[:0], q, why)
	size := wire.MaxMessage
	if !q.tcp {
		size = min(int(q.UDPSize), q.most())
		if q.Type == wire.ANY { // whoever asks over TCP is who they say (RFC 8482, section 4.4)
			dst = wire.TakeFew(dst, start)
		}
	}
	return wire.CloseReply(dst, start, size, &q.Query, &o)
}

// most returns how long a reply over UDP may be.
func (q *query) most() int {
	if q.route == nil {
		return wire.UDPSize
	}
	return q.route.Block.UDPSize
}

// code appends a reply without records. The zero why is none.
func (r *Resolver) code(dst []byte, q *query, rcode wire.Rcode, why wire.Error) []byte {
	var buf [cookie.Len]byte
	o := r.options(buf[:0], q, why)
	return wire.AppendReply(dst, &q.Query, rcode, wire.RA, &o)
}

// cookieOnly gives a cookie to who asks for nothing else (RFC 7873, section 5.4). A server's
// part that came with the query must be good.
func (r *Resolver) cookieOnly(dst []byte, q *query) []byte {
	rcode := wire.NoError
	if len(q.Cookie) > cookie.ClientLen && !r.Cookies.Valid(q.Cookie, q.remote.Addr(), r.Clock.Time(q.began)) {
		rcode = wire.BadCookie
	}
	return r.code(dst, q, rcode, wire.Error{})
}
