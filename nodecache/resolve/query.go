package resolve

import (
	"net/netip"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// query is a query that has not been answered.
type query struct {
	wire.Query
	asker
	r      *Resolver
	client *listen.Client // nil once the front no longer waits for the answer
	server *Server        // nil if there is none at the address that was asked
	route  *Route         // nil if no zone of the server holds the name

	inHosts bool // the hosts file has addresses of the name, but not of the type
}

// asker is who asked, and how.
type asker struct {
	remote, local netip.AddrPort
	tcp, leaving  bool
	size          int           // of the query, in bytes
	began         time.Duration // when the query was received
}

func newAsker(c *listen.Client, size int) asker {
	return asker{remote: c.Remote, local: c.Local, tcp: c.TCP, leaving: c.Leaving, size: size}
}

// find looks up who answers q.
func (q *query) find(t *Table) {
	if q.server = t.server(q.local); q.server != nil && q.Name != nil {
		q.route = q.server.route(q.Name)
	}
}

// isSelfCheck reports whether this process, or the one beside it, asks whether it answers. No client
// asked, so such a query is neither counted nor logged.
func (q *query) isSelfCheck() bool {
	return q.Class == wire.CH && q.Name.Below(instances) && (q.Name.Equal(q.r.instance) || q.fromHere())
}

// fromHere reports whether a process of this node sent q: from an address of self-checks, or from the
// address that it asks.
func (q *query) fromHere() bool {
	from := q.remote.Addr()
	return from == q.local.Addr() || slices.ContainsFunc(q.r.SelfChecks, func(p netip.Prefix) bool { return p.Contains(from) })
}

// options returns the EDNS options of the reply to q. It appends the cookie to buf.
func (q *query) options(buf []byte, why wire.Error) (o wire.Options) {
	if !q.EDNS {
		return o
	}
	o.Error = why
	if q.Cookie != nil {
		o.Cookie = q.r.Cookies.Append(buf, q.Cookie, q.remote.Addr(), q.r.Clock.Time(q.began))
	}
	if q.tcp && q.Keepalive { // never over UDP (RFC 7828, section 3.2.1)
		o.KeepAlive(listen.DefaultIdle, q.leaving)
	}
	return o
}

// finish completes the reply that begins at dst[start]. It makes the reply as short as the asker needs
// it, and leaves one set of records in an answer to ANY over UDP. The zero why is no reason.
func (q *query) finish(dst []byte, start int, why wire.Error) []byte {
	var buf [cookie.Len]byte
	o := q.options(buf[:0], why)
	size := wire.MaxMessage
	if !q.tcp {
		size = min(int(q.UDPSize), q.maxUDP())
		if q.Type == wire.ANY { // over TCP the client's address is not forged (RFC 8482, section 4.4)
			dst = wire.TakeFew(dst, start)
		}
	}
	return wire.CloseReply(dst, start, size, &q.Query, &o)
}

// maxUDP returns how long a reply over UDP may be, in bytes.
func (q *query) maxUDP() int {
	if q.route == nil {
		return wire.UDPSize
	}
	return q.route.Block.UDPSize
}

// code appends a reply without records. The zero why is no reason.
func (q *query) code(dst []byte, rcode wire.Rcode, why wire.Error) []byte {
	var buf [cookie.Len]byte
	o := q.options(buf[:0], why)
	return wire.AppendReply(dst, &q.Query, rcode, wire.RA, &o)
}

// observe counts the reply to q as writer, and logs it if the block wants that.
func (q *query) observe(reply []byte, from origin, writer int) {
	if z := q.count(); z != nil {
		m := wire.Message(reply)
		rcode := m.HeaderRcode()
		if from.source == tally.Server {
			rcode = m.Rcode() // part of BADVERS is in the OPT record
		}
		z.Observe(&tally.Sample{
			Writer: writer, TCP: q.tcp, IPv6: !q.remote.Addr().Unmap().Is4(), DO: q.DO, Type: q.Type,
			QuerySize: q.size, ReplySize: len(reply), Rcode: rcode,
			Took: q.r.now() - q.began, Source: from.source, Stale: from.stale, Prefetch: from.prefetch,
		})
	}
	if filter := q.log(); filter != nil && filter.Pass(&q.Query, reply) {
		e := querylog.Entry{
			Time: q.r.Clock.Time(q.began), Took: q.r.now() - q.began,
			Remote: q.remote, Local: q.local, TCP: q.tcp, Source: from.source.Plugin(),
		}
		e.SetQuery(&q.Query, q.size)
		e.SetReply(reply)
		q.r.Queries.Put(&e)
	}
}

// count returns who counts q, nil for no one.
func (q *query) count() *tally.Zone {
	switch {
	case q.route != nil:
		return q.route.Count
	case q.server != nil:
		return q.server.Other
	}
	return nil
}

// log returns what is logged of q's block, nil for nothing.
func (q *query) log() querylog.Filter {
	if q.route == nil {
		return nil
	}
	return q.route.Block.Log
}
