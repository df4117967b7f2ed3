package nodecache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/upstream"
)

// errLoop is why a forward that leads back here is not asked.
var errLoop = errors.New("every upstream sends queries back to this node cache")

// forward is a set of servers and what is known of them. All blocks that forward to the same
// servers in the same way share one. Others share the connections to a server, see process.shares.
type forward struct {
	conf   *corefile.Forward
	pool   *upstream.Forward
	blamed cache.Servers
	shares *upstream.Shares
	own    *metrics.Own
	log    *slog.Logger

	allLoop atomic.Bool // each server leads back here

	mu      sync.Mutex
	servers []upstream.Endpoint          // as configured
	looping map[upstream.Endpoint]string // of them, those that lead back here, and the zone by which that was found

	cancel context.CancelFunc
	group  sync.WaitGroup
}

// forwardKey tells forwards apart by all that matters to their servers.
func forwardKey(f *corefile.Forward) string {
	pool := f.Upstream
	pool.TLS = nil // f.TLS says what is in it
	return fmt.Sprintf("%+v %+v %+v %x", f.To, f.Resolvers, pool, f.TLS)
}

// newForward returns a forward that works until it is closed. Ctx is for looking up its servers.
func (p *process) newForward(ctx context.Context, conf *corefile.Forward) (*forward, error) {
	f := &forward{conf: conf, shares: &p.shares, own: p.metrics.Own, log: p.Log, looping: map[upstream.Endpoint]string{}}
	servers, err := f.lookUp(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: forward: %w", conf.Pos, err)
	}
	pool := conf.Upstream
	pool.Servers, pool.Shares, pool.Node, pool.Clock, pool.Trace = servers, f.shares, p.Node, p.clock, f.trace(p.metrics.Trace())
	if f.pool, err = upstream.New(pool); err != nil {
		return nil, fmt.Errorf("%s: forward: %w", conf.Pos, err)
	}
	f.servers = servers
	ctx, f.cancel = context.WithCancel(context.Background())
	if f.mayChange() {
		f.group.Go(func() { f.follow(ctx) })
	}
	return f, nil
}

// close ends everything. Queries that are under way fail.
func (f *forward) close() {
	f.cancel()
	f.group.Wait()
	f.forgetLoops()
	f.pool.Close()
}

// Exchange implements resolve.Exchanger.
func (f *forward) Exchange(ctx context.Context, dst []byte, q *wire.Query, options []byte, scope upstream.Scope) ([]byte, error) {
	if f.allLoop.Load() && !mayLookForLoop(q) {
		return dst, errLoop
	}
	return f.pool.Exchange(ctx, dst, q, options, scope)
}

// Out implements resolve.Exchanger.
func (f *forward) Out() bool { return f.allLoop.Load() || f.pool.Out() }

// trace adds to t what is logged, and that a server that is back voids the failures it caused.
func (f *forward) trace(t upstream.Trace) upstream.Trace {
	t.Changed = func(e upstream.Endpoint, err error) {
		if err != nil {
			f.log.Warn("upstream is out", "server", e.Addr, "error", err)
			return
		}
		f.blamed.Recovered()
		f.log.Info("upstream is back", "server", e.Addr)
	}
	t.Followed = func(servers []netip.AddrPort) {
		f.log.Info("upstream servers changed", "name", f.conf.Upstream.Name, "servers", servers)
	}
	t.FollowFailed = func(err error) {
		f.log.Warn("upstream servers can't be looked up", "name", f.conf.Upstream.Name, "error", err)
	}
	return t
}

// lookAgain is how often files with servers, and hosts' names, are looked at.
const lookAgain = 5 * time.Second

// mayChange reports whether the servers stand in files or behind names.
func (f *forward) mayChange() bool {
	return slices.ContainsFunc(f.conf.To, func(t corefile.To) bool { return t.File != "" || t.Host != "" })
}

// lookUp returns the configured servers as of now.
func (f *forward) lookUp(ctx context.Context) ([]upstream.Endpoint, error) {
	servers, err := f.conf.Endpoints(func(host string) ([]netip.Addr, error) { return f.lookUpHost(ctx, host) })
	if err == nil && len(servers) == 0 {
		err = errors.New("no server is named")
	}
	return servers, err
}

// lookUpHost asks Resolvers for a host's addresses, or the system's where there are none. They
// are sorted: from answer to answer servers give them in another order.
func (f *forward) lookUpHost(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	r := net.Resolver{}
	if n := len(f.conf.Resolvers); n > 0 {
		turn := 0
		r.PreferGo = true
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			turn++
			return d.DialContext(ctx, network, f.conf.Resolvers[turn%n].String())
		}
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, err
}

// follow takes over servers as they change.
func (f *forward) follow(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		servers, err := f.lookUp(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failed = ""
			f.setServers(servers)
		case err.Error() != failed:
			failed = err.Error()
			f.log.Error("upstream servers stay as they are", "directive", f.conf.Pos.String(), "error", err)
		}
	}
}

func (f *forward) setServers(servers []upstream.Endpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(servers, f.servers) {
		return
	}
	f.log.Info("upstream servers changed", "directive", f.conf.Pos.String(), "servers", addrs(servers))
	f.servers = servers
	for s, zone := range f.looping {
		if !slices.Contains(servers, s) {
			delete(f.looping, s)
			f.own.LoopFound(zone, s.Addr.String(), false)
		}
	}
	f.apply()
	f.blamed.Replaced()
}

func addrs(servers []upstream.Endpoint) (list []netip.AddrPort) {
	for _, s := range servers {
		list = append(list, s.Addr)
	}
	return list
}

// apply has the servers asked that don't loop. Where all do, the pool keeps them, for
// mayLookForLoop. The caller holds mu.
func (f *forward) apply() {
	good := slices.DeleteFunc(slices.Clone(f.servers), func(e upstream.Endpoint) bool {
		_, looping := f.looping[e]
		return looping
	})
	if len(good) > 0 {
		f.pool.SetServers(good)
	}
	if f.allLoop.Swap(len(good) == 0) && len(good) > 0 {
		f.blamed.Recovered()
	}
}
