package forward

import (
	"context"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

const (
	loopFirst = time.Second      // when WatchLoops looks first: until then, the front may not answer yet
	loopAgain = 30 * time.Second // the time between two looks
	loopBack  = 3 * time.Second  // the same, while a server is set aside
	loopTime  = 2 * time.Second  // how long a query that looks for a loop may take
)

// Catcher notices our own queries that come back; see resolve.Resolver.
type Catcher interface {
	// ComesBack calls ask with a query for a name below zone that nobody else asks for, and reports
	// whether that query came in here. If it did not, the error is ask's.
	ComesBack(zone wire.Name, ask func(q *wire.Query) error) (bool, error)
}

// WatchLoops looks for servers that send queries for names of zone back to us, until ctx ends. It
// sets those servers aside.
func (f *Forward) WatchLoops(ctx context.Context, c Catcher, zone wire.Name) {
	wait := time.NewTimer(loopFirst)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		if wait.Reset(loopAgain); f.findLoops(ctx, c, zone) {
			wait.Reset(loopBack)
		}
	}
}

// findLoops asks each server, and reports whether any is set aside.
func (f *Forward) findLoops(ctx context.Context, c Catcher, zone wire.Name) bool {
	f.mu.Lock()
	servers := f.servers
	f.mu.Unlock()
	for _, s := range servers {
		looping, err := c.ComesBack(zone, func(q *wire.Query) error { return f.askOne(ctx, s, q) })
		if err == nil { // without an answer we know nothing, and all stays as it is
			f.setLooping(s, looping, zone)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.looping) > 0
}

// askOne asks a server, even one that is set aside.
func (f *Forward) askOne(ctx context.Context, s upstream.Endpoint, q *wire.Query) error {
	ctx, cancel := context.WithTimeout(ctx, loopTime)
	defer cancel()
	if slices.Contains(f.asks.Servers(), s) {
		_, err := f.asks.ExchangeWith(ctx, q, upstream.Other, s)
		return err
	}
	conf := f.conf.Upstream
	conf.Servers, conf.Name, conf.MaxFails, conf.Shares = []upstream.Endpoint{s}, "", -1, f.shared.Shares
	alone, err := upstream.New(conf)
	if err != nil {
		return err
	}
	defer alone.Close()
	_, err = alone.Exchange(ctx, nil, q, nil, upstream.Other)
	return err
}

// setLooping sets a server aside, or takes it back.
func (f *Forward) setLooping(s upstream.Endpoint, looping bool, zone wire.Name) {
	f.mu.Lock()
	defer f.mu.Unlock()
	foundBy, was := f.looping[s]
	if was == looping || !slices.Contains(f.servers, s) {
		return
	}
	if looping {
		f.looping[s] = zone.String()
		f.shared.Metrics.LoopFound(zone.String(), s.Addr.String(), true)
		f.shared.Log.Error("upstream sends queries back to this node cache; it is set aside. Name a server in its place that answers them",
			"server", s.Addr, "zone", zone.String(), "directive", f.conf.Pos.String())
	} else {
		f.takeBack(s, foundBy)
		f.shared.Log.Info("upstream does not loop any more", "server", s.Addr, "zone", zone.String())
	}
	f.apply()
}

// takeBack forgets that a server loops. The caller holds mu, and calls apply.
func (f *Forward) takeBack(s upstream.Endpoint, zone string) {
	delete(f.looping, s)
	f.shared.Metrics.LoopFound(zone, s.Addr.String(), false)
}

// ForgetLoops takes all servers back. Call it when WatchLoops is no longer called: nobody else
// would find out that they no longer loop.
func (f *Forward) ForgetLoops() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.looping) == 0 {
		return
	}
	for s, zone := range f.looping {
		f.takeBack(s, zone)
	}
	f.apply()
}
