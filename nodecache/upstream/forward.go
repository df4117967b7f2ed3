package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Forward asks a set of servers. Its methods are safe for concurrent use.
type Forward struct {
	conf    Config
	tls     *tls.Config
	seat    seat
	own     ownQueries
	buffers sync.Pool // of *[maxDatagram]byte
	calls   sync.Pool // of *call

	set     atomic.Pointer[set]
	active  atomic.Int64  // Exchanges under way
	turn    atomic.Uint32 // counts queries
	budgets [scopes]budget
	paces   [scopes]pace
	copies  [scopes]atomic.Bool // see exchange.mayCopy

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup // tend and follow
	stir   chan struct{}  // holds one: a connection was opened or a server removed
	soon   chan struct{}  // holds one: a server failed

	mu      sync.Mutex
	closed  bool
	fixed   []Endpoint       // the configured servers
	at      []netip.AddrPort // the servers found at Config.Name
	servers map[Endpoint]*server
}

// New returns a Forward. It opens connections only when it has something to ask. Close it after use.
func New(c Config) (*Forward, error) {
	c = c.withDefaults()
	f := &Forward{
		conf: c, tls: newTLS(c.TLS), seat: newSeat(c.Node),
		stir: make(chan struct{}, 1), soon: make(chan struct{}, 1),
		fixed: slices.Clone(c.Servers), servers: map[Endpoint]*server{},
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	f.buffers.New = func() any { return new([maxDatagram]byte) }
	f.calls.New = newCall
	for scope := range f.budgets {
		f.budgets[scope].tenths.Store(budgetMax)
	}
	f.turn.Store(rand.Uint32()) // so that nodes do not take the same turns
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.arrange()
	f.group.Go(f.tend)
	if c.Name != "" {
		f.group.Go(f.follow)
	}
	return f, nil
}

// check checks the configuration and builds the Forward's own queries.
func (f *Forward) check() error {
	if len(f.fixed) == 0 {
		return errors.New("upstream: no servers")
	}
	for _, e := range f.fixed {
		if !e.Addr.IsValid() || e.Addr.Port() == 0 {
			return errors.New("upstream: server without an address or a port")
		}
	}
	var err error
	if f.own, err = newOwnQueries(&f.conf, f.fixed[0].Addr.Addr()); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	return nil
}

// Close ends all connections and goroutines of the Forward and waits for them. It also ends
// every Exchange, which returns ErrClosed soon, but does not wait for those.
func (f *Forward) Close() {
	f.mu.Lock()
	f.closed = true
	f.cancel()
	f.mu.Unlock()
	f.group.Wait()
	for _, s := range f.all() {
		s.close()
	}
}

// Exchange asks the servers what q asks and appends the answer to dst. The query is q as
// wire.AppendQuery writes it with those EDNS options, under an ID of the Forward's own. The
// answer carries q's ID, and its question is q's, except that letters may have another case.
// Everything else in it is as the server sent it. q and options must stay unchanged until Exchange
// returns.
//
// Whatever a server says is an answer, SERVFAIL too. If no server answers within Config.Timeout,
// Exchange returns dst and an error: that of the context, that of the transport, or one of this
// package's. If every answer is truncated, even over TCP, or has an RCODE of Config.Failover,
// Exchange returns the last one.
func (f *Forward) Exchange(ctx context.Context, dst []byte, q *wire.Query, options []byte, scope Scope) ([]byte, error) {
	if !f.enter() {
		return dst, ErrBusy
	}
	defer f.active.Add(-1)
	scope = f.conf.scope(scope)
	f.budgets[scope].earn()
	c := f.call(dst, scope)
	c.ask(q, options)
	return f.ask(ctx, c, f.set.Load(), f.conf.MaxAsks)
}

// ExchangeWith asks one of the Forward's servers, once and over its connections. It returns an
// error if e is not among Servers, or none of its connections has room.
func (f *Forward) ExchangeWith(ctx context.Context, q *wire.Query, scope Scope, e Endpoint) ([]byte, error) {
	for _, s := range f.set.Load().order {
		if s.Endpoint == e {
			c := f.call(nil, f.conf.scope(scope))
			c.ask(q, nil)
			return f.ask(ctx, c, s.alone(), 1)
		}
	}
	return nil, errNoServer
}

// enter counts an Exchange. It reports false if there are too many.
func (f *Forward) enter() bool {
	n, most := f.active.Add(1), int64(f.conf.MaxConcurrent)
	if most <= 0 || n <= most {
		return true
	}
	f.active.Add(-1)
	if t := f.conf.Trace.Rejected; t != nil {
		t()
	}
	return false
}

// askOwn asks the servers of a set one of the Forward's own queries, up to most times. With a most
// of 0 it asks as often as an Exchange does by default.
func (f *Forward) askOwn(ctx context.Context, q *ownQuery, of *set, most int) ([]byte, error) {
	c := f.call(nil, f.conf.scope(Cluster))
	c.askOwn(q)
	return f.ask(ctx, c, of, most)
}

// ask asks the servers of a set for a call, which it gives back.
func (f *Forward) ask(ctx context.Context, c *call, of *set, most int) ([]byte, error) {
	dst := c.dst
	if !c.q.Name.Valid() || len(c.query) > wire.MaxMessage {
		f.free(c)
		return dst, errQuery
	}
	c.opt = c.opt && !of.whole
	e := exchange{forward: f, set: of, call: c, most: of.most(most), began: f.now(), turn: int(f.turn.Add(1))}
	defer e.done()
	if err := e.run(ctx); err != nil {
		return dst, err
	}
	e.learn()
	return e.answered(), nil
}

// SetServers replaces Config.Servers. Connections to servers that stay are kept. Connections to
// servers that go end once their queries are answered. An empty list changes nothing.
func (f *Forward) SetServers(servers []Endpoint) {
	if len(servers) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fixed = slices.Clone(servers)
	f.arrangeLocked()
}

// Servers returns the servers in use, in order of preference. Where servers were found at
// Config.Name, the configured ones come last.
func (f *Forward) Servers() []Endpoint {
	var list []Endpoint
	for _, s := range f.set.Load().order {
		list = append(list, s.Endpoint)
	}
	return list
}

// Names returns the addresses of the servers in use, as text for people. The caller must not change it.
func (f *Forward) Names() []byte { return f.set.Load().names }

// Found returns the servers that the last look-up found at Config.Name, sorted. The caller must
// not change them.
func (f *Forward) Found() []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

// Out reports whether every server is out: it failed to answer in time or the transport broke,
// and it has not answered since.
func (f *Forward) Out() bool {
	for _, s := range f.set.Load().order {
		if !s.out.Load() {
			return false
		}
	}
	return true
}

// now returns the time on the Forward's clock, which is above 0. It does not depend on the time
// of day.
func (f *Forward) now() time.Duration { return f.conf.Clock.Now() }

// delay returns how long an answer in a scope may take before another server is asked.
func (f *Forward) delay(scope Scope) time.Duration {
	if f.conf.Hedge < 0 {
		return f.conf.ReadTimeout
	}
	return f.paces[scope].delay(f.conf.Hedge, f.conf.ReadTimeout/2)
}

// dialer returns how sockets are opened: from the configured address, and without the kernel's
// keepalive, since an idle connection is closed before that would start.
func (f *Forward) dialer() net.Dialer {
	return net.Dialer{KeepAlive: -1, Control: f.conf.Control}
}

// source returns the local address of sockets; the zero value leaves it to the kernel.
func (f *Forward) source() netip.AddrPort {
	if !f.conf.Source.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(f.conf.Source, 0)
}

// newTLS returns a copy of c that takes TLS 1.2 or later. It remembers sessions, so that
// connections opened on demand are cheap.
func newTLS(c *tls.Config) *tls.Config {
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c = c.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if c.ClientSessionCache == nil {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return c
}

// set is the servers that are asked. It does not change; a Forward replaces it.
type set struct {
	order     []*server // at most MaxAsks
	preferred int       // so many come first; the others are asked only while none of these is well
	check     bool      // ask once, whatever is known of the server
	whole     bool      // ask with the OPT record, and not again without it
	names     []byte    // the servers' addresses, with a port where it is not DNS's own
}

// most returns how often an Exchange may ask, configured as most.
func (s *set) most(most int) int {
	if most == 0 {
		most = max(2*len(s.order), minAsks)
	}
	if most < 0 || most > MaxAsks {
		most = MaxAsks
	}
	return most
}

// allDown reports whether there are servers, and all of them are down.
func (s *set) allDown() bool {
	for _, server := range s.order {
		if !server.down() {
			return false
		}
	}
	return len(s.order) > 0
}

// arrange makes a new set of the configured servers and the servers found. Servers that are down
// give their places to others.
func (f *Forward) arrange() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrangeLocked()
}

func (f *Forward) arrangeLocked() {
	if f.closed {
		return
	}
	preferred, rest := f.fixed, []Endpoint(nil)
	if len(f.at) > 0 {
		preferred, rest = f.foundEndpoints(), f.fixed
	}
	f.keepOnly(slices.Concat(preferred, rest))
	chosen := choose(f.seat, preferred, f.conf.Subset, func(e Endpoint) bool { return f.servers[e].down() })
	next := &set{preferred: len(chosen)}
	for _, e := range slices.Concat(chosen, rest) {
		if s := f.servers[e]; len(next.order) < MaxAsks && !slices.Contains(next.order, s) {
			next.order = append(next.order, s)
		}
	}
	for i, s := range next.order {
		if i > 0 {
			next.names = append(next.names, ", "...)
		}
		next.names = s.Endpoint.appendName(next.names)
	}
	f.set.Store(next)
}

// keepOnly makes the wanted servers that do not exist yet. It lets go those that are not wanted.
func (f *Forward) keepOnly(want []Endpoint) {
	for e, s := range f.servers {
		if !slices.Contains(want, e) {
			s.left.CompareAndSwap(0, int64(f.now()))
			f.stirred()
		}
	}
	for _, e := range want {
		if f.servers[e] == nil {
			f.servers[e] = newServer(f, e)
		}
		f.servers[e].left.Store(0)
	}
}

// fixedSet returns the configured servers as a set, to ask them what stands at Config.Name.
func (f *Forward) fixedSet() *set {
	f.mu.Lock()
	defer f.mu.Unlock()
	fixed := &set{}
	for _, e := range f.fixed {
		if len(fixed.order) < MaxAsks {
			fixed.order = append(fixed.order, f.servers[e])
		}
	}
	fixed.preferred = len(fixed.order)
	return fixed
}

// tend closes connections that are idle, old or silent, and servers that were removed. It sleeps
// while there are neither connections nor removed servers.
func (f *Forward) tend() {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-f.stir:
		case <-timer.C:
		}
		if f.tendServers(f.now()) {
			timer.Reset(tick)
		}
	}
}

// stirred wakes tend.
func (f *Forward) stirred() {
	select {
	case f.stir <- struct{}{}:
	default:
	}
}

// tendServers reports whether there will be anything to tend later.
func (f *Forward) tendServers(now time.Duration) (more bool) {
	for _, s := range f.all() {
		if s.left.Load() == 0 {
			more = s.tend(now) || more
		} else if !s.waiting(now) && f.remove(s) {
			s.close()
		} else {
			more = true
		}
	}
	return more
}

// all returns all servers, also those that were removed and still answer.
func (f *Forward) all() []*server {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.servers))
}

// remove forgets a server. It reports false if the server is wanted again.
func (f *Forward) remove(s *server) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.left.Load() == 0 {
		return false
	}
	delete(f.servers, s.Endpoint)
	return true
}
