package resolve

import (
	"net/netip"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// query is a query while its front waits.
type query struct {
	wire.Query
	asker
	client *listen.Client
	server *Server // nil where nothing is answered
	route  *Route  // nil where no zone is

	inHosts bool // the hosts file has addresses of its name, but not of its type
}

// asker is who asked, and how.
type asker struct {
	remote, local netip.AddrPort
	tcp, leaving  bool
	size          int           // of the query
	began         time.Duration // when it was received
}

func newAsker(c *listen.Client, size int) asker {
	return asker{remote: c.Remote, local: c.Local, tcp: c.TCP, leaving: c.Leaving, size: size}
}

// find looks for what answers q.
func (q *query) find(t *Table) {
	if q.server = t.server(q.local); q.server != nil && q.Name != nil {
		q.route = q.server.route(q.Name)
	}
}

// count returns where q is counted.
func (q *query) count() *tally.Zone {
	switch {
	case q.route != nil:
		return q.route.Count
	case q.server != nil:
		return q.server.Other
	}
	return nil
}

// log returns what of q's block is logged, nil for nothing.
func (q *query) log() querylog.Filter {
	if q.route == nil {
		return nil
	}
	return q.route.Block.Log
}

// isProbe reports whether this process, or the one beside it, looks whether it answers. That
// is no client's query: it is neither counted nor logged.
func (r *Resolver) isProbe(q *query) bool {
	return q.Class == wire.CH && q.Name.Below(instances) && (q.Name.Equal(r.instance) || r.fromHere(q))
}

// fromHere reports whether q comes from a process of this node: from where probes do, or from the
// address that it went to.
func (r *Resolver) fromHere(q *query) bool {
	from := q.remote.Addr()
	return from == q.local.Addr() || slices.ContainsFunc(r.Probes, func(p netip.Prefix) bool { return p.Contains(from) })
}
