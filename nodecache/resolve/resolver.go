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
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cookie"
	"github.com/neardns/neardns/nodecache/querylog"
)

// Config is what a Resolver is made of. All of it but Limits is needed.
type Config struct {
	Observer Observer
	Writer   int // the number that flights have in tally; readers have their own
	Clock    *clock.Clock
	Cookies  *cookie.Maker
	Queries  *querylog.Log
	Log      *slog.Logger
	Limits   Limits

	Version  string // answers version.bind
	ID       string // answers id.server and hostname.bind, which are refused if it is empty
	Instance string // see InstanceName; no other process has it

	Probes []netip.Prefix // where processes of this node ask from whether they answer
}

// Observer is told of events that the counts of queries (tally.Zone) do not show. Its methods are
// called from many goroutines at a time, and must not wait.
type Observer interface {
	Coalesced()     // a query joined a flight that was under way
	AncestorAsked() // upstream is asked whether a name exists that stands above denied ones (RFC 8020)
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

// New returns a Resolver that refuses all before Set is called. Close it after use.
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

// Set takes a configuration and returns the one before, with which queries that are under
// way go on.
func (r *Resolver) Set(t *Table) (before *Table) { return r.table.Swap(t) }

// Flush forgets what all caches keep of name and of the names below it; see cache.Cache. It
// returns how many answers that were.
func (r *Resolver) Flush(name wire.Name) (forgotten int) {
	for _, s := range r.table.Load().servers {
		for _, route := range s.Routes {
			forgotten += route.Block.flush(name)
		}
	}
	return forgotten
}

// Close ends all flights, whose askers get SERVFAIL, and waits for them. Handle must not be
// called any more.
func (r *Resolver) Close() {
	r.cancel()
	r.crew.group.Wait()
}

// now returns the time on r's clock, above 0.
func (r *Resolver) now() time.Duration { return r.Clock.Now() }

// Handle answers a query that the front received; see listen.Handler. What has to be asked
// upstream is answered later.
func (r *Resolver) Handle(dst, msg []byte, c *listen.Client) (reply []byte) {
	defer r.survive()
	q := query{asker: newAsker(c, len(msg)), client: c}
	q.began = r.now()
	status := q.Parse(msg)
	switch {
	case status == wire.Drop:
		return nil
	case c.Cut && (status == wire.Valid || status == wire.CookieOnly):
		status = wire.FormErr // whatever the rest said; the reply is a fraction as long
	}
	q.find(r.table.Load())
	reply, from := r.answer(dst, &q, status)
	if len(reply) > 0 && !r.isProbe(&q) {
		r.observe(&q, reply, from, c.Reader)
	}
	return reply
}

// survive keeps the front going, whatever a query did.
func (r *Resolver) survive() {
	if p := recover(); p != nil {
		r.Observer.Panicked()
		r.Log.Error("panic", "cause", p, "stack", string(debug.Stack()))
	}
}

// answer appends the reply to q, or nothing if it comes later.
func (r *Resolver) answer(dst []byte, q *query, status wire.Status) ([]byte, origin) {
	switch {
	case status == wire.CookieOnly:
		return r.cookieOnly(dst, q), origin{}
	case status != wire.Valid: // options of a query that is not understood get no answer
		return wire.AppendReply(dst, &q.Query, status.Rcode(), wire.RA, nil), origin{}
	case q.Class == wire.CH:
		return r.chaos(dst, q), origin{}
	case q.route == nil || q.Class != wire.IN:
		return r.code(dst, q, wire.Refused, wire.Error{}), origin{}
	case q.Type == wire.AXFR || q.Type == wire.IXFR:
		return r.code(dst, q, wire.Refused, wire.Error{}), origin{}
	case q.Type.Meta():
		return r.code(dst, q, wire.NotImpl, wire.Error{}), origin{}
	}
	if reply, source, ok := r.local(dst, q); ok {
		return reply, origin{source: source}
	}
	return r.cached(dst, q)
}
