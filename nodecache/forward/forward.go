package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/clock"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Shared is what all Forwards of the process have in common. All of it is needed but Node.
type Shared struct {
	Shares  *upstream.Shares // connections and sockets
	Clock   *clock.Clock
	Node    string         // see upstream.Config
	Trace   upstream.Trace // counts; Open adds the functions that log
	Metrics Metrics
	Log     *slog.Logger
}

// Metrics shows which upstreams loop; see metrics.Events.
type Metrics interface {
	LoopFound(zone, server string, found bool)
}

// Forward asks the servers of a directive. All blocks that forward to the same servers in the same
// way share one; see Key. Its methods may be called from any goroutine.
type Forward struct {
	conf   *corefile.Forward
	shared Shared
	asks   *upstream.Forward
	blamed cache.Servers

	allLoop atomic.Bool // each server sends queries back to us

	mu      sync.Mutex
	servers []upstream.Endpoint          // as configured
	looping map[upstream.Endpoint]string // those of servers that loop, and the zone whose names showed it

	cancel context.CancelFunc
	group  sync.WaitGroup // follow
}

// Open returns a Forward. It looks up the servers that have names, for as long as ctx allows. Close
// it after use. An error names the directive's place.
func Open(ctx context.Context, conf *corefile.Forward, s Shared) (*Forward, error) {
	f := &Forward{conf: conf, shared: s, looping: map[upstream.Endpoint]string{}}
	if err := f.open(ctx); err != nil {
		return nil, fmt.Errorf("%s: forward: %w", conf.Pos, err)
	}
	ctx, f.cancel = context.WithCancel(context.Background())
	if mayChange(conf) {
		f.group.Go(func() { f.follow(ctx) })
	}
	return f, nil
}

func (f *Forward) open(ctx context.Context) (err error) {
	if f.servers, err = lookUp(ctx, f.conf); err != nil {
		return err
	}
	c := f.conf.Upstream
	c.Servers, c.Shares, c.Node, c.Clock, c.Trace = f.servers, f.shared.Shares, f.shared.Node, f.shared.Clock, f.trace()
	f.asks, err = upstream.New(c)
	return err
}

// trace returns the shared Trace with functions that log. A server that is back voids the failures
// that it caused.
func (f *Forward) trace() upstream.Trace {
	t, log := f.shared.Trace, f.shared.Log
	t.Changed = func(e upstream.Endpoint, err error) {
		if err != nil {
			log.Warn("upstream is out", "server", e.Addr, "error", err)
			return
		}
		f.blamed.Recovered()
		log.Info("upstream is back", "server", e.Addr)
	}
	t.Followed = func(servers []netip.AddrPort) {
		log.Info("upstream servers changed", "name", f.conf.Upstream.Name, "servers", servers)
	}
	t.FollowFailed = func(err error) {
		log.Warn("upstream servers can't be looked up", "name", f.conf.Upstream.Name, "error", err)
	}
	return t
}

// Close ends everything. Queries that are under way fail.
func (f *Forward) Close() {
	f.cancel()
	f.group.Wait()
	f.ForgetLoops()
	f.asks.Close()
}

// errLoop says why no server is asked.
var errLoop = errors.New("every upstream sends queries back to this node cache")

// Exchange asks a server; see upstream.Forward. It fails at once while all servers loop.
func (f *Forward) Exchange(ctx context.Context, dst []byte, q *wire.Query, options []byte, scope upstream.Scope) ([]byte, error) {
	if f.allLoop.Load() && !mayLookForLoop(q) {
		return dst, errLoop
	}
	return f.asks.Exchange(ctx, dst, q, options, scope)
}

// mayLookForLoop reports whether a query may be another node cache's that looks for a loop. It goes
// on to the servers though all of them loop. Otherwise, of two node caches that forward to each
// other, each would take the other's refusal for the loop's end.
func mayLookForLoop(q *wire.Query) bool { return q.Type == wire.HINFO }

// Out reports whether no server can answer.
func (f *Forward) Out() bool { return f.allLoop.Load() || f.asks.Out() }

// Blamed returns what failures to get an answer are blamed on.
func (f *Forward) Blamed() *cache.Servers { return &f.blamed }

// Servers returns the servers that are asked at present, in order of preference.
func (f *Forward) Servers() []upstream.Endpoint { return f.asks.Servers() }

// Names returns the addresses of the servers that are asked at present, as text for people. The caller must
// not change it.
func (f *Forward) Names() []byte {
	if f.allLoop.Load() {
		return looping
	}
	return f.asks.Names()
}

var looping = []byte("any upstream, as all send queries back here")

// Found returns the servers that `follow` found last, sorted. The caller must not change them.
func (f *Forward) Found() []netip.AddrPort { return f.asks.Found() }

// follow looks the servers up again and again, and takes in what has changed.
func (f *Forward) follow(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		servers, err := lookUp(ctx, f.conf)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failed = ""
			f.setServers(servers)
		case err.Error() != failed: // logged once, not at every look
			failed = err.Error()
			f.shared.Log.Error("upstream servers stay as they are", "directive", f.conf.Pos.String(), "error", err)
		}
	}
}

func (f *Forward) setServers(servers []upstream.Endpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(servers, f.servers) {
		return
	}
	f.shared.Log.Info("upstream servers changed", "directive", f.conf.Pos.String(), "servers", addrs(servers))
	f.servers = servers
	for s, zone := range f.looping {
		if !slices.Contains(servers, s) {
			f.takeBack(s, zone)
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

// apply makes f ask the servers that don't loop. Where all do, it keeps those that it has, for
// mayLookForLoop. The caller holds mu.
func (f *Forward) apply() {
	good := slices.DeleteFunc(slices.Clone(f.servers), func(e upstream.Endpoint) bool {
		_, looping := f.looping[e]
		return looping
	})
	if len(good) > 0 {
		f.asks.SetServers(good)
	}
	if f.allLoop.Swap(len(good) == 0) && len(good) > 0 {
		f.blamed.Recovered()
	}
}
