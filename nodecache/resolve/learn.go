package resolve

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
)

const (
	// barredFor is how long nothing is cut below a name, once something was found there.
	barredFor = time.Hour
	maxBars   = 1024

	// suspicion is how many names that do not exist make it worth a query to find out
	// whether the one above them does.
	suspicion   = 2
	maxSuspects = 4096

	// probed is how many labels below svc the deepest name has that is asked for so: a Service's.
	probed = 2
)

// cuts is what is known of names below which something may or may not be.
type cuts struct {
	checks atomic.Uint32 // cut answers

	// bars says until when nothing below a name, in lower case, is cut. A map that is there
	// does not change, as each cut answer reads it.
	bars atomic.Pointer[map[string]time.Duration]

	mu       sync.Mutex       // for what is below, and writers of bars
	suspects map[string]uint8 // lower-case name -> names below that do not exist
}

func (c *cuts) init() {
	c.bars.Store(&map[string]time.Duration{})
	c.suspects = map[string]uint8{}
}

// learn takes in what an answer, which the cache kept or not, says of the names above the one
// asked for. An NXDOMAIN with an alias says nothing (RFC 6604, section 3), and NODATA is what
// some servers say to types that they do not look up.
func (r *Resolver) learn(b *Block, q *wire.Query, v *wire.Verdict, kept bool) {
	var names [deepest]wire.Name
	above := b.above(&names, q.Name)
	switch {
	case len(above) == 0:
	case v.Kind == wire.Positive:
		r.exists(b, q, above[1:])
	case v.Kind == wire.NoName && !v.Alias && kept:
		r.suspect(b, q, above[:min(len(above), probed)])
	}
}

// exists notes that something is below names. Where the server does not say itself that one
// of them exists, it may come to deny it.
func (r *Resolver) exists(b *Block, q *wire.Query, names []wire.Name) {
	now := r.now()
	for _, name := range names {
		known := b.knows(name, q, now)
		if known == cache.Exists {
			continue
		}
		b.cuts.bar(name, now)
		if known == cache.Denied {
			r.Observer.CutDropped()
		}
	}
}

// suspect notes that a name below names, of which the first is its namespace, does not exist. When
// that comes again, upstream is asked whether they do.
func (r *Resolver) suspect(b *Block, q *wire.Query, names []wire.Name) {
	now := r.now()
	for i, name := range names {
		known := b.knows(name, q, now)
		if i == 0 && known == cache.Denied {
			return // nothing is cut there
		}
		if known != cache.Unknown || b.cuts.barred(name, now) || !b.cuts.suspect(name) {
			continue
		}
		r.Observer.AncestorAsked()
		probes, _ := asks(name, q)
		r.refresh(b, &probes[0])
	}
}

// knows returns what the cache knows of a name.
func (b *Block) knows(name wire.Name, q *wire.Query, now time.Duration) cache.Knowledge {
	queries, n := asks(name, q)
	for i := range queries[:n] {
		if k := b.Cache.Knows(&queries[i], now); k != cache.Unknown {
			return k
		}
	}
	return cache.Unknown
}

// barred reports whether nothing below name may be cut.
func (c *cuts) barred(name wire.Name, now time.Duration) bool {
	bars := *c.bars.Load()
	if len(bars) == 0 {
		return false
	}
	var buf [wire.MaxName]byte
	return now < bars[string(name.AppendLower(buf[:0]))]
}

// bar lets nothing below name be cut for some time, counted anew once half of it is over.
func (c *cuts) bar(name wire.Name, now time.Duration) {
	if c.barred(name, now+barredFor/2) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	bars := maps.Clone(*c.bars.Load())
	key := string(name.AppendLower(nil))
	if _, renewed := bars[key]; !renewed && len(bars) >= maxBars {
		delete(bars, first(bars))
	}
	bars[key] = now + barredFor
	c.bars.Store(&bars)
}

// first returns the key that ends first.
func first(bars map[string]time.Duration) (key string) {
	for k, end := range bars {
		if key == "" || end < bars[key] {
			key = k
		}
	}
	return key
}

// suspect notes that a name below does not exist, and reports whether it is time to ask for
// this one.
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
