package resolve

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

// With ndots:5 a Pod that asks for api.github.com first asks for
// api.github.com.team-1.svc.cluster.local. Each such name is new to the cache, but all of
// them stand below com.team-1.svc.cluster.local, which does not exist, and nor then does
// anything below it (RFC 8020). That is true of the names of Services. A server may still
// serve other names there, from a hosts file say, so one cut answer in checkEvery is asked
// upstream all the same, and what is found to exist bars the cut.
const (
	checkEvery = 200
	barredFor  = time.Hour
	maxBars    = 1024

	// deepest is how many labels below svc the deepest cut has: a Service's name.
	deepest = 2

	// suspicion is how many names that do not exist make it worth a query to find out
	// whether the one above them does.
	suspicion   = 2
	maxSuspects = 4096
)

// cuts is what is known of names below which something may or may not be.
type cuts struct {
	checks atomic.Uint32 // cut answers

	mu       sync.Mutex
	bars     map[string]time.Duration // lower-case name -> until when nothing below it is cut
	suspects map[string]uint8         // lower-case name -> names below that do not exist
}

func (c *cuts) init() {
	c.bars, c.suspects = map[string]time.Duration{}, map[string]uint8{}
}

// above returns the names above name down to depth labels below services, the shortest
// first, as many as may be cut at.
func (b *Block) above(names *[deepest]wire.Name, name wire.Name) []wire.Name {
	if b.Services == nil || !name.Below(b.Services) {
		return nil
	}
	var n int
	depth := name.Labels() - b.Services.Labels()
	for ; depth > 1; depth-- {
		name = name.Parent()
		if depth-1 <= deepest {
			names[depth-2] = name
			n = max(n, depth-1)
		}
	}
	for i, a := range names[:n] {
		if bytes.IndexByte(a.Label(), '_') >= 0 {
			return names[:i]
		}
	}
	return names[:n]
}

// asks returns the queries that may have told whether the name exists: like q, and as a
// search for it asks.
func asks(name wire.Name, q *wire.Query) (queries [2]wire.Query) {
	queries[0] = wire.Query{Name: name, Type: q.Type, Class: wire.IN, CD: q.CD, OPT: wire.OPT{DO: q.DO}}
	queries[1] = wire.Query{Name: name, Type: wire.A, Class: wire.IN}
	return queries
}

// knows returns what the cache knows of a name.
func (b *Block) knows(name wire.Name, q *wire.Query, now time.Duration) cache.Knowledge {
	queries := asks(name, q)
	for i := range queries {
		if k := b.Cache.Knows(&queries[i], now); k != cache.Unknown {
			return k
		}
	}
	return cache.Unknown
}

// cut appends an NXDOMAIN reply to q if a name above q's is known not to exist.
func (r *Resolver) cut(dst []byte, q *query) (reply []byte, ok bool) {
	b, start := q.route.Block, len(dst)
	var names [deepest]wire.Name
	for _, name := range b.above(&names, q.Name) {
		queries := asks(name, &q.Query)
		for i := range queries {
			reply, ok := b.Cache.AppendDenied(dst, &q.Query, &queries[i], q.began)
			if !ok {
				continue
			}
			if b.cuts.checks.Add(1)%checkEvery == 0 || b.cuts.barred(name, q.began) {
				return dst, false
			}
			var x extra
			return r.finish(reply, start, q, &x), true
		}
	}
	return dst, false
}

// learn takes in what an answer says of the names above the one asked for.
func (r *Resolver) learn(b *Block, q *wire.Query, v *wire.Verdict) {
	var names [deepest]wire.Name
	above := b.above(&names, q.Name)
	if len(above) == 0 {
		return
	}
	denied := v.Kind == wire.NoName && !v.Alias
	if !denied && v.Kind != wire.NoName && v.Kind != wire.Positive && v.Kind != wire.NoData {
		return
	}
	now := r.now()
	for _, name := range above {
		switch known := b.knows(name, q, now); {
		case !denied && known == cache.Denied:
			r.bar(b, name, q, now)
		case denied && known == cache.Denied:
			return
		case denied && known == cache.Unknown && b.cuts.suspect(name, now):
			r.Metrics.Own.CutProbes.Inc()
			probe := asks(name, q)[1]
			r.refresh(b, &probe)
		}
	}
}

// bar forgets that name does not exist, as something below it does.
func (r *Resolver) bar(b *Block, name wire.Name, q *wire.Query, now time.Duration) {
	b.cuts.bar(name, now)
	queries := asks(name, q)
	for i := range queries {
		b.Cache.Remove(&queries[i])
	}
	r.Metrics.Own.CutsDropped.Inc()
}

// key returns name as a key of cuts.
func cutKey(buf *[wire.MaxName]byte, name wire.Name) []byte { return name.AppendLower(buf[:0]) }

// barred reports whether nothing below name may be cut.
func (c *cuts) barred(name wire.Name, now time.Duration) bool {
	var buf [wire.MaxName]byte
	key := cutKey(&buf, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.bars[string(key)]
	return ok && now < until
}

// bar lets nothing below name be cut for some time.
func (c *cuts) bar(name wire.Name, now time.Duration) {
	var buf [wire.MaxName]byte
	key := cutKey(&buf, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bars) >= maxBars {
		clear(c.bars) // they come back as they are found
	}
	c.bars[string(key)] = now + barredFor
}

// suspect notes that a name below does not exist, and reports whether it is time to ask for
// this one.
func (c *cuts) suspect(name wire.Name, now time.Duration) bool {
	if c.barred(name, now) {
		return false
	}
	var buf [wire.MaxName]byte
	key := cutKey(&buf, name)
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
