package nodecache

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/resolve"
)

// generation is one configuration at work.
type generation struct {
	conf    *corefile.Config
	keep    *keep
	table   *resolve.Table
	addrs   []netip.AddrPort // to listen on, sorted
	plugins []metrics.Plugin
	caches  []metrics.CacheWatch
	sizes   []sized
	loops   []loopWatch
	cluster *forward // of the cluster domain; nil if none is

	cancel context.CancelFunc
	group  sync.WaitGroup // what looks for loops
}

// sized is a block, and the sizes that this configuration wants of its cache.
type sized struct {
	*resolve.Block
	cache.Options
}

// block returns the block that remembers what other does, nil for none.
func (g *generation) block(other *resolve.Block) *resolve.Block {
	for _, s := range g.sizes {
		if s.Memory == other.Memory {
			return s.Block
		}
	}
	return nil
}

// follow has what is kept be what this configuration allows, which takes old's place.
func (g *generation) follow(old *generation) {
	for _, s := range g.sizes {
		s.Cache.SetLimits(s.Options)
		s.Follow(old.block(s.Block))
	}
}

// loopWatch is a forward through which loops are looked for, by names of zone.
type loopWatch struct {
	forward *forward
	zone    wire.Name
}

// front is the sockets of some addresses, while they serve.
type front struct {
	*listen.Front
	addrs  []netip.AddrPort
	cancel context.CancelFunc
	done   chan error
}

// startFront opens the sockets and serves.
func startFront(c listen.Config, h listen.Handler) (*front, error) {
	f, err := listen.Open(c)
	if err != nil {
		return nil, err
	}
	if f.Readers() > frontReaders {
		f.Close()
		return nil, fmt.Errorf("%d addresses to listen on are too many: each takes a socket for every CPU, and there may be %d in all", len(c.Addrs), frontReaders)
	}
	ctx, cancel := context.WithCancel(context.Background())
	front := &front{f, c.Addrs, cancel, make(chan error, 1)}
	go func() { front.done <- f.Serve(ctx, h) }()
	return front, nil
}

// placed adds to an error about an address where the Corefile has it listened on.
func placed(conf *corefile.Config, err error) error {
	op := (*listen.OpError)(nil)
	if !errors.As(err, &op) {
		return err
	}
	for _, b := range conf.Blocks {
		if len(b.Binds) == 0 && op.Addr.Addr().IsUnspecified() && slices.ContainsFunc(b.Keys, func(k corefile.Key) bool { return k.Port == op.Addr.Port() }) {
			return fmt.Errorf("%s: %w", b.Pos, err)
		}
		i := slices.IndexFunc(b.Binds, func(b corefile.Bind) bool { return b.Addr == op.Addr.Addr() })
		if i >= 0 {
			return fmt.Errorf("%s: bind: %w", b.Binds[i].Pos, err)
		}
	}
	return err
}

// leave hands the ports over, answers what was received, and closes.
func (f *front) leave() error {
	f.cancel()
	return <-f.done
}

// serves reports whether the front has just these addresses.
func (f *front) serves(addrs []netip.AddrPort) bool {
	return f != nil && slices.Equal(f.addrs, addrs)
}

// watchLoops looks for loops until stop is called. The generation before has been stopped.
func (g *generation) watchLoops(r *resolve.Resolver) {
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	for _, f := range g.keep.forwards {
		if !g.watches(f) {
			f.forgetLoops()
		}
	}
	for _, l := range g.loops {
		g.group.Go(func() { l.forward.watchLoops(ctx, r, l.zone) })
	}
}

// watches reports whether loops are looked for through f.
func (g *generation) watches(f *forward) bool {
	return slices.ContainsFunc(g.loops, func(l loopWatch) bool { return l.forward == f })
}

// stop ends what the generation alone needs.
func (g *generation) stop() {
	g.cancel()
	g.group.Wait()
}
