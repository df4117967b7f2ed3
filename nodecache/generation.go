package nodecache

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/forward"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/resolve"
)

// generation is what one Corefile makes. A builder makes it, and a service puts it to work.
type generation struct {
	conf    *corefile.Config
	keep    *keep
	table   *resolve.Table
	addrs   []netip.AddrPort // to listen on
	plugins []metrics.Plugin
	caches  []metrics.CacheWatch
	sizes   []sized // of each block of conf
	loops   []loopWatch
	cluster *forward.Forward // of the cluster domain; nil if there is none

	cancel context.CancelFunc
	group  sync.WaitGroup // the goroutines that look for loops
}

// sized is a block, and the sizes that this generation wants of its cache.
type sized struct {
	*resolve.Block
	cache.Options
}

// loopWatch is a forward through which loops are looked for, by names of zone.
type loopWatch struct {
	forward *forward.Forward
	zone    wire.Name
}

// newGeneration returns an empty generation, which keeps nothing.
func newGeneration() *generation {
	return &generation{conf: new(corefile.Config), keep: newKeep(), cancel: func() {}}
}

// fit shrinks the caches to what the budget has for all of them, in bytes. Each keeps its share of
// that, by what the Corefile says of them.
func (g *generation) fit(most int64) {
	var want int64
	for _, s := range g.sizes {
		want += s.Success.Bytes + s.Denial.Bytes + s.Failure.Bytes
	}
	if want <= most {
		return
	}
	for i := range g.sizes {
		s := &g.sizes[i]
		for _, l := range []*cache.Limits{&s.Success, &s.Denial, &s.Failure} {
			l.Bytes = int64(float64(l.Bytes) * float64(most) / float64(want))
		}
	}
}

// usual is what most answers take in a cache, in bytes, or a little less.
const usual = 320

// warnUnfit logs the bounds of the Corefile that are more than the memory limit has room for:
// queries is how many may be under way. The bounds stay as they are.
func (g *generation) warnUnfit(log *slog.Logger, queries int) {
	const text = "the memory limit allows less than the Corefile does; raise it, or lower this"
	for i, b := range g.conf.Blocks {
		if l := g.sizes[i].Success; b.Cache != nil && l.Bytes < int64(l.Entries)*usual {
			log.Warn(text, "directive", b.Pos.String()+": cache", "answers", l.Entries, "room", l.Bytes/usual)
		}
		for _, f := range b.Forwards {
			if n := f.Upstream.MaxConcurrent; n > queries {
				log.Warn(text, "directive", f.Pos.String()+": max_concurrent", "queries", n, "room", queries)
			}
		}
	}
}

// follow makes what the caches keep be what g allows, which takes the place of old.
func (g *generation) follow(old *generation) {
	for _, s := range g.sizes {
		s.Cache.SetLimits(s.Options)
		s.Follow(old.block(s.Block))
	}
}

// followAgain follows once more: since then, answers to queries under way were kept by old's rules.
func (g *generation) followAgain(old *generation) {
	for _, s := range g.sizes {
		s.Follow(old.block(s.Block))
	}
}

// block returns the block that has the same memory as other, or nil.
func (g *generation) block(other *resolve.Block) *resolve.Block {
	for _, s := range g.sizes {
		if s.Memory == other.Memory {
			return s.Block
		}
	}
	return nil
}

// empty drops what the caches keep that next does not have: there is room for the caches of one
// generation only.
func (g *generation) empty(next *generation) {
	for _, s := range g.sizes {
		if next.block(s.Block) == nil {
			s.Cache.SetLimits(cache.Options{})
		}
	}
}

// watchLoops looks for loops until stop is called. The generation before has been stopped.
func (g *generation) watchLoops(c forward.Catcher) {
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	for _, f := range g.keep.forwards {
		if !g.watches(f) {
			f.ForgetLoops()
		}
	}
	for _, l := range g.loops {
		g.group.Go(func() { l.forward.WatchLoops(ctx, c, l.zone) })
	}
}

// watches reports whether loops are looked for through f.
func (g *generation) watches(f *forward.Forward) bool {
	return slices.ContainsFunc(g.loops, func(l loopWatch) bool { return l.forward == f })
}

// stop ends the goroutines.
func (g *generation) stop() {
	g.cancel()
	g.group.Wait()
}
