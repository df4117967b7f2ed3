package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Forward asks a set of servers. Its methods are safe for concurrent use.
type Forward struct {
	conf       Config
	tls        *tls.Config
	seat       seat
	checkQuery *ownQuery // asks CheckName
	bareQuery  *ownQuery // the same without an OPT record
	lifeQuery  *ownQuery // see unknownEDNS
	lookQuery  *ownQuery // asks what stands at Config.Name
	buffers    sync.Pool // of *[maxDatagram]byte
	calls      sync.Pool // of *call

	set     atomic.Pointer[set]
	active  atomic.Int64  // Exchanges
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
	fixed   []Endpoint       // configured
	at      []netip.AddrPort // found at Config.Name
	servers map[Endpoint]*server
}

// New returns a Forward. It opens no connection before it has to ask. Close it after use.
func New(c Config) (*Forward, error) {
	c = c.withDefaults()
	p := &Forward{
		conf: c, tls: newTLS(c.TLS), seat: newSeat(c.Node),
		stir: make(chan struct{}, 1), soon: make(chan struct{}, 1),
		fixed: slices.Clone(c.Servers), servers: map[Endpoint]*server{},
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	p.buffers.New = func() any { return new([maxDatagram]byte) }
	p.calls.New = newCall
	for scope := range p.budgets {
		p.budgets[scope].tenths.Store(budgetMax)
	}
	p.turn.Store(rand.Uint32()) // #nosec G404 -- nodes must not go in step
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.arrange()
	p.group.Go(p.tend)
	if c.Name != "" {
		p.group.Go(p.follow)
	}
	return p, nil
}

// check checks the configuration and builds the queries that the Forward asks by itself.
func (p *Forward) check() error {
	if len(p.fixed) == 0 {
		return errors.New("upstream: no servers")
	}
	for _, e := range p.fixed {
		if !e.Addr.IsValid() || e.Addr.Port() == 0 {
			return errors.New("upstream: server without an address or a port")
		}
	}
	var err error
	if p.checkQuery, err = newQuery(p.conf.CheckName, wire.NS, !p.conf.CheckNoRecurse); err == nil && p.conf.Name != "" {
		p.lookQuery, err = newQuery(p.conf.Name, typeFor(p.fixed[0].Addr.Addr().Unmap()), true)
	}
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	p.bareQuery, p.lifeQuery = p.checkQuery.bare(), p.checkQuery.unknownEDNS()
	return nil
}

// Close ends every Exchange, connection and goroutine of the Forward and waits for them, but
// for the Exchanges: those return ErrClosed soon.
func (p *Forward) Close() {
	p.mu.Lock()
	p.closed = true
	p.cancel()
	p.mu.Unlock()
	p.group.Wait()
	for _, s := range p.all() {
		s.close()
	}
}

// SetServers replaces Config.Servers. Connections to servers that stay are kept; those to
// servers that go end once they are answered. An empty list changes nothing.
func (p *Forward) SetServers(servers []Endpoint) {
	if len(servers) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fixed = slices.Clone(servers)
	p.arrangeLocked()
}

// Servers returns those that are asked at present, in order of preference, the fallback last.
func (p *Forward) Servers() []Endpoint {
	var list []Endpoint
	for _, s := range p.set.Load().order {
		list = append(list, s.Endpoint)
	}
	return list
}

// Found returns the servers that were last found at Config.Name, sorted. The caller must not
// change them.
func (p *Forward) Found() []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// Out reports whether every server is known to be out: it failed to answer, by time-out or
// broken transport, and has not answered since.
func (p *Forward) Out() bool {
	for _, s := range p.set.Load().order {
		if !s.out.Load() {
			return false
		}
	}
	return true
}

// now returns the time on the Forward's clock, above 0. What is set of the time of day changes nothing.
func (p *Forward) now() time.Duration { return p.conf.Clock.Now() }

// delay returns how long an answer in a scope may take before another server is asked.
func (p *Forward) delay(scope Scope) time.Duration {
	if p.conf.Hedge < 0 {
		return p.conf.ReadTimeout
	}
	return p.paces[scope].delay(p.conf.Hedge, p.conf.ReadTimeout/2)
}
