package nodecache

import (
	"context"
	"time"

	"github.com/neardns/neardns/internal/listen"
)

// commit puts a generation to work: its sockets open before those of the one before close,
// and where one can't be opened, all stays as it is.
func (p *process) commit(ctx context.Context, next *generation) error {
	pages, err := p.admin.Open(ctx, p.wantedPages(next))
	if err != nil {
		return err
	}
	old, oldFront := p.current, p.front
	p.metrics.WatchCaches(next.caches)
	p.metrics.SetPlugins(next.plugins)
	before := p.resolver.Set(next.table)
	if !p.front.serves(next.addrs) {
		f, err := startFront(p.frontConfig(next.addrs), p.resolver.Handle)
		if err != nil {
			p.resolver.Set(before)
			p.metrics.WatchCaches(old.caches)
			p.metrics.SetPlugins(old.plugins)
			pages.Abandon()
			return placed(next.conf, err)
		}
		p.front = f
		p.addrs.Store(f)
		p.fronts++
		p.metrics.WatchFront(f.stats)
	}
	pages.Commit()
	old.empty(next)
	next.follow(old)
	p.warnUnfit(next)
	p.current = next
	p.cluster.Store(next.cluster)
	p.Level.Set(level(next.conf))
	setProfiles(next.conf.Pprof)
	old.stop()
	next.watchLoops(p.resolver)
	for _, n := range next.conf.Notes {
		p.Log.Info("Corefile", "note", n.String())
	}
	p.retire(old, oldFront)
	return nil
}

// stats reads the front's counters.
func (f *front) stats() ([]listen.UDPStats, listen.TCPStats) { return f.UDP(), f.TCP() }

// retireAfter is how long what was replaced may still be asked: a query that took the table
// before, and all its asks.
const retireAfter = 10 * time.Second

// retire ends what nothing uses any more.
func (p *process) retire(old *generation, oldFront *front) {
	if oldFront != nil && oldFront != p.front {
		p.old.Go(func() {
			if err := oldFront.leave(); err != nil {
				p.Log.Warn("closing sockets", "error", err)
			}
		})
	}
	next := p.current
	old.keep.forgetFailures(next.keep)
	p.tidying.Go(func() {
		select {
		case <-time.After(retireAfter):
		case <-p.stopping:
		}
		for _, s := range next.sizes { // what was asked by old's rules has come meanwhile
			s.Follow(old.block(s.Block))
		}
		old.keep.closeBut(next.keep)
	})
}
