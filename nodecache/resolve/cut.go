package resolve

import (
	"bytes"

	"github.com/neardns/neardns/internal/wire"
)

// With ndots:5 a Pod that asks for api.github.com first asks for
// api.github.com.team-1.svc.cluster.local. Each such name is new to the cache, but all of
// them stand below com.team-1.svc.cluster.local, which does not exist, and nor then does
// anything below it (RFC 8020). That is true of the names of Services. A server may still
// serve other names there, from a hosts file say, so one cut answer in checkEvery is asked
// upstream all the same, and what is found to exist bars the cut; see learn.go. Names with an
// underscore (RFC 8552) are no search's junk, and there are servers that deny the names between
// theirs and a Service's: they are neither cut nor cut at.
const (
	checkEvery = 200

	// deepest is how many labels below svc the deepest cut has. Few searches are for longer names.
	deepest = 8
)

// above returns the names above name that may be cut at, which stand 1 to deepest labels
// below services. The shortest is the first. An underscore in a name's labels below services
// rules all of them out.
func (b *Block) above(names *[deepest]wire.Name, name wire.Name) []wire.Name {
	if b.Services == nil || !name.Below(b.Services) || bytes.IndexByte(name[:len(name)-len(b.Services)], '_') >= 0 {
		return nil // no length of a label looks like an underscore: they are less
	}
	depth := name.Labels() - b.Services.Labels()
	n := max(min(depth-1, deepest), 0)
	for ; depth > 1; depth-- {
		name = name.Parent()
		if depth-2 < deepest {
			names[depth-2] = name
		}
	}
	return names[:n]
}

// asks returns the queries that may have told whether a name exists: as a search for it asks,
// and like q.
func asks(name wire.Name, q *wire.Query) (queries [2]wire.Query, n int) {
	queries[0] = wire.Query{Name: name, Type: wire.A, Class: wire.IN}
	if q.Type == wire.A && !q.DO && !q.CD {
		return queries, 1
	}
	queries[1] = wire.Query{Name: name, Type: q.Type, Class: wire.IN, CD: q.CD, OPT: wire.OPT{DO: q.DO}}
	return queries, 2
}

// cut appends an NXDOMAIN reply to q if a name above q's is known not to exist.
func (r *Resolver) cut(dst []byte, q *query) (reply []byte, ok bool) {
	b, start := q.route.Block, len(dst)
	var names [deepest]wire.Name
	above := b.above(&names, q.Name)
	for i := len(above) - 1; i >= 0; i-- { // mostly it is the longest
		reply, ok := b.denied(dst, q, above[i])
		if !ok {
			continue
		}
		if b.cuts.checks.Add(1)%checkEvery == 0 || b.cuts.barred(above[i], q.began) {
			return dst, false
		}
		return r.finish(reply, start, q, wire.Error{}), true
	}
	return dst, false
}

// denied appends an NXDOMAIN reply to q if name, which stands above q's, is known not to exist.
func (b *Block) denied(dst []byte, q *query, name wire.Name) (reply []byte, ok bool) {
	queries, n := asks(name, &q.Query)
	for i := range queries[:n] {
		if reply, ok = b.Cache.AppendDenied(dst, &q.Query, &queries[i], q.began); ok {
			return reply, true
		}
	}
	return dst, false
}
