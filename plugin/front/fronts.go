package front

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/plugin/count"
)

// Log takes the lines of the fronts.
type Log interface {
	Warningf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Fronts are all fronts of a process. They outlive a reload.
type Fronts struct {
	log     Log
	cookies *cookie.Maker
	losses  *losses

	misses    places
	transfers places        // those of misses that are zone transfers
	total     listen.Total  // of all fronts together
	panics    atomic.Uint64 // queries at which the lane did

	mu     sync.Mutex
	at     map[string]*front // by dnsserver.Server.Addr
	failed map[string]string // by address: the error that was logged last
}

// New returns the fronts of a process, none so far. Cookies makes those of all fronts.
func New(log Log, cookies *cookie.Maker) *Fronts {
	return &Fronts{log: log, cookies: cookies, losses: newLosses()}
}

// Losses returns what tells Prometheus of lost queries, and of connections.
func (f *Fronts) Losses() prometheus.Collector { return f.losses }

// serve lets g answer at its server's address: a front that is open there goes on with it, or one
// is opened.
func (f *Fronts) serve(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at == nil {
		f.at, f.failed = map[string]*front{}, map[string]string{}
	}
	addr, limits := g.server.Addr, limitsOf(g.server)
	old := f.at[addr]
	if old != nil && old.limits == limits {
		old.take(g)
		return
	}
	opened, err := f.open(g, limits)
	switch {
	case err == nil:
		delete(f.failed, addr)
	case f.failed[addr] != err.Error():
		f.failed[addr] = err.Error()
		f.log.Errorf("express: no sockets beside those of %s, so CoreDNS answers alone there: %v", addr, err)
	}
	switch {
	case err != nil && old != nil:
		old.take(g) // with the limits that it has
	case err != nil:
		g.retire()
	default:
		if old != nil {
			old.cancel() // its own instance waits for it
		}
		f.at[addr] = opened
	}
}

// open opens the sockets of a front for g, and runs it.
func (f *Fronts) open(g *generation, limits limits) (*front, error) {
	addr, err := bindAddr(g.server.Addr)
	if err != nil {
		return nil, err
	}
	counts, err := count.Open()
	if err != nil {
		return nil, err
	}
	first := counts.Readers(runtime.NumCPU() + 1)
	sockets, err := listen.Open(limits.config(addr, first, &f.total))
	if err != nil {
		return nil, err
	}
	f.losses.Add(sockets)
	opened := newFront(f, sockets, counts, addr, limits, g)
	var ctx context.Context
	ctx, opened.cancel = context.WithCancel(context.Background())
	go opened.run(ctx) // Instance.Replaced or Instance.Stop waits until it has ended
	return opened, nil
}

// dismiss lets the front of g leave, unless another generation has taken g's place. It does not wait.
func (f *Fronts) dismiss(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	addr := g.server.Addr
	if at := f.at[addr]; at != nil && at.current.Load() == g {
		delete(f.at, addr)
		at.cancel()
	}
}

// panicked counts a panic, and logs the first.
func (f *Fronts) panicked(query []byte, r any) {
	if f.panics.Add(1) == 1 {
		f.log.Errorf("express: panic at the query %x, which CoreDNS answers now: %v\n%s", query, r, debug.Stack())
	}
}
