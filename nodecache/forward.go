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

	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/metrics"
	"github.com/neardns/neardns/nodecache/upstream"
)

// errLoop is why a forward that leads back here is not asked.
var errLoop = errors.New("every upstream sends queries back to this node cache")

// forward is a set of servers and what is known of them. All blocks that forward to the same
// servers in the same way share one, so that there are no more connections than one has.
type forward struct {
	conf   *corefile.Forward
	pool   *upstream.Pool
	source cache.Source
	log    *slog.Logger

	allLoop atomic.Bool // each server leads back here

	mu      sync.Mutex
	servers []upstream.Endpoint // as configured
	looping []upstream.Endpoint // of them, those that lead back here

	cancel context.CancelFunc
	group  sync.WaitGroup
}

// forwardKey tells forwards apart by all that matters to their servers.
func forwardKey(f *corefile.Forward) string {
	return fmt.Sprintf("%+v %+v %+v %t", f.To, f.Resolvers, f.Pool, f.PreferUDP)
}

// newForward returns a forward that works until it is closed.
func newForward(conf *corefile.Forward, node string, m *metrics.Set, log *slog.Logger) (*forward, error) {
	f := &forward{conf: conf, log: log}
	servers, err := f.lookUp()
	if err != nil {
		return nil, fmt.Errorf("%s: forward: %w", conf.Pos, err)
	}
	pool := conf.Pool
	pool.Servers, pool.Node, pool.Trace = servers, node, f.trace(m.Trace())
	if f.pool, err = upstream.New(pool); err != nil {
		return nil, fmt.Errorf("%s: forward: %w", conf.Pos, err)
	}
	f.servers = servers
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	if f.mayChange() {
		f.group.Go(func() { f.follow(ctx) })
	}
	return f, nil
}

// close ends everything. Queries that are under way fail.
func (f *forward) close() {
	f.cancel()
	f.group.Wait()
	f.pool.Close()
}

// Exchange implements resolve.Exchanger.
func (f *forward) Exchange(ctx context.Context, dst, query []byte, lane upstream.Lane) ([]byte, error) {
	if f.allLoop.Load() {
		return dst, errLoop
	}
	return f.pool.Exchange(ctx, dst, query, lane)
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
		f.source.Recovered()
		f.log.Info("upstream is back", "server", e.Addr)
	}
	t.Followed = func(servers []netip.AddrPort) {
		f.log.Info("upstream servers changed", "name", f.conf.Pool.Name, "servers", servers)
	}
	t.FollowFailed = func(err error) {
		f.log.Warn("upstream servers can't be looked up", "name", f.conf.Pool.Name, "error", err)
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
func (f *forward) lookUp() ([]upstream.Endpoint, error) {
	servers, err := f.conf.Endpoints(f.lookUpHost)
	if err == nil && len(servers) == 0 {
		err = errors.New("no server is named")
	}
	return servers, err
}

// lookUpHost asks Resolvers for a host's addresses, or the system's where there are none.
func (f *forward) lookUpHost(host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookAgain)
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
	return r.LookupNetIP(ctx, "ip", host)
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
		servers, err := f.lookUp()
		switch {
		case err == nil:
			failed = ""
			f.setServers(servers)
		case err.Error() != failed:
			failed = err.Error()
			f.log.Error("upstream servers stay as they are", "directive", f.conf.Pos, "error", err)
		}
	}
}

func (f *forward) setServers(servers []upstream.Endpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(servers, f.servers) {
		return
	}
	f.log.Info("upstream servers changed", "directive", f.conf.Pos, "servers", addrs(servers))
	f.servers, f.looping = servers, nil
	f.apply()
}

func addrs(servers []upstream.Endpoint) (list []netip.AddrPort) {
	for _, s := range servers {
		list = append(list, s.Addr)
	}
	return list
}

// apply has the servers asked that don't loop. The caller holds mu.
func (f *forward) apply() {
	good := slices.DeleteFunc(slices.Clone(f.servers), func(e upstream.Endpoint) bool { return slices.Contains(f.looping, e) })
	f.allLoop.Store(len(good) == 0)
	f.pool.SetServers(good)
}
