package nodecache

import (
	"context"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/resolve"
	"github.com/neardns/neardns/nodecache/upstream"
)

// The stock plugin loop ends the process when it finds that an upstream leads back to it,
// and the node has no DNS. Here that upstream alone is set aside, for as long as it does.

const (
	loopFirst = time.Second      // when loops are first looked for, as the front must answer
	loopAgain = 30 * time.Second // and how often then
	loopBack  = 3 * time.Second  // and how often while a server is set aside
	loopTime  = 2 * time.Second  // how long a query that looks for one may take
)

// watchLoops looks for loops through the servers of f, for names of zone, until ctx ends.
func (f *forward) watchLoops(ctx context.Context, r *resolve.Resolver, zone wire.Name) {
	wait := time.NewTimer(loopFirst)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		if wait.Reset(loopAgain); f.findLoops(ctx, r, zone) {
			wait.Reset(loopBack)
		}
	}
}

// findLoops asks each server, and reports whether one of them is set aside.
func (f *forward) findLoops(ctx context.Context, r *resolve.Resolver, zone wire.Name) bool {
	f.mu.Lock()
	servers := f.servers
	f.mu.Unlock()
	for _, s := range servers {
		// Without an answer nothing is known, and all stays as it is.
		if looping, err := f.loops(ctx, r, s, zone); err == nil {
			f.setLooping(s, looping, zone)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.looping) > 0
}

// loops reports whether a query for zone that is sent to s comes back. It returns an error if
// it did not, and was not answered either.
func (f *forward) loops(ctx context.Context, r *resolve.Resolver, s upstream.Endpoint, zone wire.Name) (bool, error) {
	trap := r.Trap(zone)
	defer trap.Close()
	ctx, cancel := context.WithTimeout(ctx, loopTime)
	defer cancel()
	err := f.askOf(ctx, s, &trap.Query)
	if trap.Seen() {
		return true, nil
	}
	return false, err
}

// askOf asks s, also where it is set aside.
func (f *forward) askOf(ctx context.Context, s upstream.Endpoint, q *wire.Query) error {
	if slices.Contains(f.pool.Servers(), s) {
		_, err := f.pool.ExchangeWith(ctx, q, upstream.Other, s)
		return err
	}
	conf := f.conf.Upstream
	conf.Servers, conf.Name, conf.MaxFails, conf.Shares = []upstream.Endpoint{s}, "", -1, f.shares
	pool, err := upstream.New(conf)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exchange(ctx, nil, q, nil, upstream.Other)
	return err
}

// mayLookForLoop reports whether a query may be another node cache's that looks for a loop. It
// is passed on though all servers are set aside: of two that forward to each other, each would
// otherwise take the other's refusal for the loop's end.
func mayLookForLoop(q *wire.Query) bool { return q.Type == wire.HINFO }

// setLooping sets s aside, or takes it back.
func (f *forward) setLooping(s upstream.Endpoint, looping bool, zone wire.Name) {
	f.mu.Lock()
	defer f.mu.Unlock()
	foundBy, was := f.looping[s]
	if was == looping || !slices.Contains(f.servers, s) {
		return
	}
	if looping {
		f.looping[s] = zone.String()
		f.own.LoopFound(zone.String(), s.Addr.String(), true)
		f.log.Error("upstream sends queries back to this node cache; it is set aside. Name a server in its place that answers them",
			"server", s.Addr, "zone", zone.String(), "directive", f.conf.Pos.String())
	} else {
		delete(f.looping, s)
		f.own.LoopFound(foundBy, s.Addr.String(), false)
		f.log.Info("upstream does not loop any more", "server", s.Addr, "zone", zone.String())
	}
	f.apply()
}

// forgetLoops takes all servers back, as nobody looks for loops any more.
func (f *forward) forgetLoops() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.looping) == 0 {
		return
	}
	for s, zone := range f.looping {
		f.own.LoopFound(zone, s.Addr.String(), false)
	}
	clear(f.looping)
	f.apply()
}
