package resolve

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/clock"
	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// Config is what a Resolver is made of. Limits, ID and SelfChecks may be left out.
type Config struct {
	Observer Observer
	Writer   int // the number that flights have in package tally; each reader of the front has its own
	Clock    *clock.Clock
	Cookies  *cookie.Maker
	Queries  *querylog.Log
	Log      *slog.Logger
	Limits   Limits

	Version  string // answers version.bind
	ID       string // answers id.server and hostname.bind; empty: they are refused
	Instance string // see InstanceName; no other process has the same

	// SelfChecks are the addresses from which a process of this node asks itself, or another one,
	// whether it answers.
	SelfChecks []netip.Prefix
}

// Observer is told of events that the counts of queries (tally.Zone) do not show. Its methods are
// called from many goroutines at a time, and must not wait.
type Observer interface {
	Coalesced()     // a query joined a flight that was under way
	AncestorAsked() // upstream is asked whether a name above denied names exists (RFC 8020)
	CutDropped()    // something was found below a name that upstream had denied
	Panicked()      // a query made the code panic; the process goes on
}

// Resolver answers queries by the Table that was set last.
type Resolver struct {
	Config
	instance wire.Name
	table    atomic.Pointer[Table]
	loops    loops

	limits    limits
	crew      crew
	ctx       context.Context
	cancel    context.CancelFunc
	scratches sync.Pool // of *scratch
	flights   sync.Pool // of *flight
	waiters   sync.Pool // of *waiter
}

// New returns a Resolver that refuses everything until Set is called. Close it after use.
func New(c Config) *Resolver {
	r := &Resolver{Config: c, instance: InstanceName(c.Instance)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.scratches.New = func() any { return new(scratch) }
	r.flights.New = func() any { return new(flight) }
	r.waiters.New = func() any { return new(waiter) }
	r.limits.init(c.Limits)
	r.crew.init()
	r.table.Store(new(Table))
	return r
}

// Set makes t the Table in force and returns the one before. Queries that are under way keep the one
// before.
func (r *Resolver) Set(t *Table) (before *Table) { return r.table.Swap(t) }

// Flush removes name and all names below it from all caches; see cache.Cache. It returns how many
// answers it removed.
func (r *Resolver) Flush(name wire.Name) (forgotten int) {
	for _, s := range r.table.Load().servers {
		for _, route := range s.Routes {
			forgotten += route.Block.flush(name)
		}
	}
	return forgotten
}

// Close ends all flights and waits for them. Those who wait for an answer get SERVFAIL. Handle must
// not be called any more.
func (r *Resolver) Close() {
	r.cancel()
	r.crew.group.Wait()
}

// now returns the time on r's clock, above 0.
func (r *Resolver) now() time.Duration { return r.Clock.Now() }

// Handle answers a query that the front received; see listen.Handler. If upstream has to be asked,
// the answer comes later.
func (r *Resolver) Handle(dst, msg []byte, c *listen.Client) (reply []byte) {
	defer r.survive()
	q := query{r: r, asker: newAsker(c, len(msg)), client: c}
	q.began = r.now()
	status := q.Parse(msg)
	switch {
	case status == wire.Drop:
		return nil
	case c.Cut && (status == wire.Valid || status == wire.CookieOnly):
		status = wire.FormErr // the rest of the query is missing, whatever it said
	}
	q.find(r.table.Load())
	reply, from := q.answer(dst, status)
	if len(reply) > 0 && !q.isSelfCheck() {
		q.observe(reply, from, c.Reader)
	}
	return reply
}

// survive keeps the process alive when a query makes the code panic. It must be deferred.
func (r *Resolver) survive() {
	if p := recover(); p != nil {
		r.Observer.Panicked()
		r.Log.Error("panic", "cause", p, "stack", string(debug.Stack()))
	}
}
