package resolve

import (
	"bytes"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// With ndots:5 a Pod that asks for api.github.com first asks for
// api.github.com.team-1.svc.cluster.local. Each such name is new to the cache, but all of
// them stand below com.team-1.svc.cluster.local, which does not exist, and nor then does
// anything below it (RFC 8020). That is true of the names of Services. A server may still
// serve other names there, from a hosts file say. So
//   - nothing is cut below a namespace unless upstream says that it exists;
//   - one cut answer in checkEvery is asked upstream all the same, and what is found to exist
//     bars the cut; see learn.go;
//   - names that other upstreams are asked for are not cut, nor those of our own hosts file;
//   - A has to be denied: there are servers that deny any other type at names that exist;
//   - names with an underscore (RFC 8552) are no search's junk, and there are servers that deny
//     the names between theirs and a Service's: they are neither cut nor cut at.
const (
	checkEvery = 200

	// deepest is how many labels below svc the deepest cut has. Few searches are for longer names.
	deepest = 8
)

// above returns the names above name that the cut of name depends on, which stand 1 to deepest
// labels below services: the namespace, and then those that may be cut at, the shortest first. An
// underscore in a name's labels below services rules all of them out, and so does another
// upstream for the namespace than for name.
func (b *Block) above(names *[deepest]wire.Name, name wire.Name) []wire.Name {
	if b.Services == nil || !name.Below(b.Services) || bytes.IndexByte(name[:len(name)-len(b.Services)], '_') >= 0 {
		return nil // no length of a label looks like an underscore: they are less
	}
	asked, depth := name, name.Labels()-b.Services.Labels()
	n := max(min(depth-1, deepest), 0)
	for ; depth > 1; depth-- {
		name = name.Parent()
		if depth-2 < deepest {
			names[depth-2] = name
		}
	}
	for i := range n {
		if !b.sameUpstreams(names[i], asked) {
			return names[:i]
		}
	}
	return names[:n]
}

// sameUpstreams reports whether the same upstreams are asked for two names.
func (b *Block) sameUpstreams(one, other wire.Name) bool {
	for _, u := range b.Forwards {
		serves := u.serves(one)
		if serves != u.serves(other) {
			return false
		}
		if serves && !u.mayHandOn() {
			return true
		}
	}
	return true
}

// asks returns the queries that may have told whether a name exists: as a search for it asks,
// and with q's flags.
func asks(name wire.Name, q *wire.Query) (queries [2]wire.Query, n int) {
	queries[0] = wire.Query{Name: name, Type: wire.A, Class: wire.IN}
	if !q.DO && !q.CD {
		return queries, 1
	}
	queries[1] = wire.Query{Name: name, Type: wire.A, Class: wire.IN, CD: q.CD, OPT: wire.OPT{DO: q.DO}}
	return queries, 2
}

// cut appends an NXDOMAIN reply to q if a name above q's is known not to exist.
func (r *Resolver) cut(dst []byte, q *query) (reply []byte, ok bool) {
	b, start := q.route.Block, len(dst)
	var names [deepest]wire.Name
	above := b.above(&names, q.Name)
	for i := len(above) - 1; i > 0; i-- { // mostly it is the longest
		reply, ok := b.denied(dst, q, above[i])
		if !ok {
			continue
		}
		if q.inHosts || b.knows(above[0], &q.Query, q.began) != cache.Exists || b.cuts.barred(above[i], q.began) || b.cuts.checks.Add(1)%checkEvery == 0 {
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
