package nodecache

import (
	"context"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/resolve"
	"github.com/neardns/neardns/nodecache/upstream"
)

// The stock plugin loop ends the process when it finds that an upstream leads back to it,
// and the node has no DNS. Here that upstream alone is set aside, for as long as it does.

const (
	loopFirst = time.Second      // when loops are first looked for, as the front must answer
	loopAgain = 30 * time.Second // and how often then
	loopTime  = 2 * time.Second  // how long a query that looks for one may take
)

// watchLoops looks for loops through the servers of f, for names of zone, until ctx ends.
func (f *forward) watchLoops(ctx context.Context, r *resolve.Resolver, zone wire.Name, own *metrics.Own) {
	wait := time.NewTimer(loopFirst)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		f.mu.Lock()
		servers := f.servers
		f.mu.Unlock()
		for _, s := range servers {
			f.setLooping(s, f.loops(ctx, r, s, zone), zone, own)
		}
		wait.Reset(loopAgain)
	}
}

// loops reports whether a query for zone that is sent to s comes back.
func (f *forward) loops(ctx context.Context, r *resolve.Resolver, s upstream.Endpoint, zone wire.Name) bool {
	conf := f.conf.Pool
	conf.Servers, conf.Name, conf.MaxFails = []upstream.Endpoint{s}, "", -1
	pool, err := upstream.New(conf)
	if err != nil {
		return false
	}
	defer pool.Close()
	trap := r.Trap(zone)
	defer trap.Close()
	ctx, cancel := context.WithTimeout(ctx, loopTime)
	defer cancel()
	pool.Exchange(ctx, nil, wire.AppendQuery(nil, &trap.Query, nil), upstream.Other)
	return trap.Seen()
}

// setLooping sets s aside, or takes it back.
func (f *forward) setLooping(s upstream.Endpoint, looping bool, zone wire.Name, own *metrics.Own) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.looping, s) == looping || !slices.Contains(f.servers, s) {
		return
	}
	own.LoopFound(zone.String(), s.Addr.String(), looping)
	if looping {
		f.looping = append(f.looping, s)
		f.log.Error("upstream sends queries back to this node cache; it is set aside. Name a server in its place that answers them",
			"server", s.Addr, "zone", zone, "directive", f.conf.Pos)
	} else {
		f.looping = slices.DeleteFunc(slices.Clone(f.looping), func(e upstream.Endpoint) bool { return e == s })
		f.log.Info("upstream does not loop any more", "server", s.Addr, "zone", zone)
	}
	f.apply()
}
