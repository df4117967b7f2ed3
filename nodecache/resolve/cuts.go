package resolve

import (
	"bytes"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// With ndots:5 a Pod that asks for api.github.com first asks for
// api.github.com.team-1.svc.cluster.local. The cache knows no such name, because each is new. But all
// of them are below com.team-1.svc.cluster.local, which does not exist, and then nothing below it
// exists (RFC 8020). So they get NXDOMAIN without a query upstream: they are cut.
//
// That is right for the names of Services. But a server may have other names there too, from a hosts
// file for instance. So
//   - Nothing is cut below a namespace unless upstream says that the namespace exists.
//   - One in 200 still goes upstream; if it finds a name there, the cut is off for an hour.
//   - A name is not cut if other forwards are asked for it than for the name above, or if our own hosts
//     file has it.
//   - The name above must have been denied for type A. Some servers deny all other types at names that
//     exist.
//   - A name with an underscore (RFC 8552) is not cut, and nothing is cut below it: no search makes such
//     names, and some servers deny the names between them and their Service.
const (
	sampleEvery = 200       // one in so many goes upstream
	barredFor   = time.Hour // how long the cut is off at a name, once something was found below it
	maxBars     = 1024

	// deepest is how many labels below svc the deepest cut has. Few searches are for longer names.
	deepest = 8

	// suspicion is how many denied names below a name make it worth a query whether that name exists.
	suspicion   = 2
	maxSuspects = 4096

	// askedDepth is how many labels below svc those names have at most: a namespace has one, a Service
	// two.
	askedDepth = 2
)

// above returns the names above name that its cut depends on, the shortest first: the namespace, and the
// names that may be cut at, down to deepest labels below svc. It returns none if name has an underscore
// below svc. It leaves out the names for which other forwards are asked than for name, and all longer
// ones.
func (b *Block) above(names *[deepest]wire.Name, name wire.Name) []wire.Name {
	if b.Services == nil || !name.Below(b.Services) || bytes.IndexByte(name[:len(name)-len(b.Services)], '_') >= 0 {
		return nil // the length of a label is at most 63, so it can't be mistaken for an underscore
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
		if !b.sameForwards(names[i], asked) {
			return names[:i]
		}
	}
	return names[:n]
}

// existenceQueries returns the queries whose answers may say whether a name exists: one as a search asks,
// and one with q's flags if that differs.
func existenceQueries(name wire.Name, q *wire.Query) (queries [2]wire.Query, n int) {
	queries[0] = wire.Query{Name: name, Type: wire.A, Class: wire.IN}
	if !q.DO && !q.CD {
		return queries, 1
	}
	queries[1] = wire.Query{Name: name, Type: wire.A, Class: wire.IN, CD: q.CD, OPT: wire.OPT{DO: q.DO}}
	return queries, 2
}

// denied appends an NXDOMAIN reply to q if the cache has that name, which is above q's, does not exist.
func (b *Block) denied(dst []byte, q *query, name wire.Name) (reply []byte, why wire.Error, ok bool) {
	queries, n := existenceQueries(name, &q.Query)
	for i := range queries[:n] {
		if reply, why, ok = b.Cache.AppendDenied(dst, &q.Query, &queries[i], q.began); ok {
			return reply, why, true
		}
	}
	return dst, why, false
}

// knows returns what the cache knows of a name.
func (b *Block) knows(name wire.Name, q *wire.Query, now time.Duration) cache.Knowledge {
	queries, n := existenceQueries(name, q)
	for i := range queries[:n] {
		if k := b.Cache.Knows(&queries[i], now); k != cache.Unknown {
			return k
		}
	}
	return cache.Unknown
}

// learn takes in what the answer to f says of the names above. Kept says whether the cache keeps it. An
// NXDOMAIN behind an alias says nothing (RFC 6604, section 3). Nor does NODATA: some servers say it to all
// types that they do not look up.
func (f *flight) learn(v *wire.Verdict, kept bool) {
	var names [deepest]wire.Name
	above := f.block.above(&names, f.query.Name)
	switch {
	case len(above) == 0:
	case v.Kind == wire.Positive:
		f.exists(above[1:])
	case v.Kind == wire.NoName && !v.Alias && kept:
		f.suspect(above[:min(len(above), askedDepth)])
	}
}

// exists notes that there is something below names. Where the server does not say itself that such a name
// exists, it may deny it later: so nothing is cut there.
func (f *flight) exists(names []wire.Name) {
	b, now := f.block, f.r.now()
	for _, name := range names {
		known := b.knows(name, &f.query, now)
		if known == cache.Exists {
			continue
		}
		b.cuts.bar(name, now)
		if known == cache.Denied {
			f.r.Observer.CutDropped()
		}
	}
}

// suspect notes that a name below names was denied. The first of names is the namespace. When that happens
// again, upstream is asked whether these names exist.
func (f *flight) suspect(names []wire.Name) {
	b, now := f.block, f.r.now()
	for i, name := range names {
		known := b.knows(name, &f.query, now)
		if i == 0 && known == cache.Denied {
			return // nothing is cut below a namespace that does not exist
		}
		if known != cache.Unknown || b.cuts.barred(name, now) || !b.cuts.suspect(name) {
			continue
		}
		f.r.Observer.AncestorAsked()
		queries, _ := existenceQueries(name, &f.query)
		f.r.refresh(b, &queries[0])
	}
}

// cuts is what a block knows of names below which something may be cut or not.
type cuts struct {
	answers atomic.Uint32 // counts those that could be cut

	// bars has, for lower-case names, the end of the time in which nothing below them is cut. The map
	// is never changed but replaced, because each cut answer reads it.
	bars atomic.Pointer[map[string]time.Duration]

	mu       sync.Mutex       // held by who changes suspects, or replaces bars
	suspects map[string]uint8 // lower-case name -> how many names below it were denied
}

func (c *cuts) init() {
	c.bars.Store(&map[string]time.Duration{})
	c.suspects = map[string]uint8{}
}

// isSample reports whether an answer that could be cut is one of those that go upstream.
func (c *cuts) isSample() bool { return c.answers.Add(1)%sampleEvery == 0 }

// barred reports whether nothing below name may be cut.
func (c *cuts) barred(name wire.Name, now time.Duration) bool {
	bars := *c.bars.Load()
	if len(bars) == 0 {
		return false
	}
	var buf [wire.MaxName]byte
	return now < bars[string(name.AppendLower(buf[:0]))]
}

// bar switches the cut off at name for barredFor. If it is off already, that time begins again once half
// of it is over.
func (c *cuts) bar(name wire.Name, now time.Duration) {
	if c.barred(name, now+barredFor/2) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	bars := maps.Clone(*c.bars.Load())
	key := string(name.AppendLower(nil))
	if _, renewed := bars[key]; !renewed && len(bars) >= maxBars {
		delete(bars, nextToEnd(bars))
	}
	bars[key] = now + barredFor
	c.bars.Store(&bars)
}

// nextToEnd returns the name whose time ends first.
func nextToEnd(bars map[string]time.Duration) (name string) {
	for n, end := range bars {
		if name == "" || end < bars[name] {
			name = n
		}
	}
	return name
}

// suspect notes that a name below name was denied, and reports whether upstream should be asked about
// name.
func (c *cuts) suspect(name wire.Name) bool {
	var buf [wire.MaxName]byte
	key := name.AppendLower(buf[:0])
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.suspects[string(key)] + 1
	if n >= suspicion {
		delete(c.suspects, string(key))
		return true
	}
	if len(c.suspects) >= maxSuspects {
		clear(c.suspects)
	}
	c.suspects[string(key)] = n
	return false
}
