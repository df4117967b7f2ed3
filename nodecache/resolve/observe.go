package resolve

import (
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// origin is where a reply comes from: from here, if it needs neither cache nor upstream.
type origin struct {
	source   tally.Source
	stale    bool // it had expired
	prefetch bool // the next one is being asked for
}

// fromCache returns the origin of a reply that the cache had.
func fromCache(reply wire.Message) origin {
	if reply.HeaderRcode() == wire.NXDomain || reply.Answers() == 0 {
		return origin{source: tally.Denial}
	}
	return origin{source: tally.Success}
}

// observe counts the reply to q, and logs it where that is asked for.
func (r *Resolver) observe(q *query, reply []byte, from origin, writer int) {
	if z := q.count(); z != nil {
		m := wire.Message(reply)
		rcode := m.HeaderRcode()
		if from.source == tally.Server {
			rcode = m.Rcode() // BADVERS has bits in the OPT record
		}
		z.Observe(&tally.Sample{
			Writer: writer, TCP: q.tcp, IPv6: !q.remote.Addr().Unmap().Is4(), DO: q.DO, Type: q.Type,
			QuerySize: q.size, ReplySize: len(reply), Rcode: rcode,
			Took: r.now() - q.began, Source: from.source, Stale: from.stale, Prefetch: from.prefetch,
		})
	}
	if filter := q.log(); filter != nil && filter.Pass(&q.Query, reply) {
		e := querylog.Entry{
			Time: r.Clock.Time(q.began), Took: r.now() - q.began,
			Remote: q.remote, Local: q.local, TCP: q.tcp, Source: from.source.Plugin(),
		}
		e.SetQuery(&q.Query, q.size)
		e.SetReply(reply)
		r.Queries.Put(&e)
	}
}
