package front

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/neardns/neardns/plugin/lane"
)

// Instance is what one caddy instance has of the fronts. During a reload there are two.
type Instance struct {
	fronts *Fronts
	table  func(addr string) *lane.Table
	known  sync.Map // *dnsserver.Server -> nil: those that Serve has seen

	mu          sync.Mutex
	ended       bool
	servers     []*dnsserver.Server // those with a table
	generations []*generation       // one for each address of servers
}

// NewInstance returns an Instance. Table returns what the lane answers by at the address of a server
// (dnsserver.Server.Addr), or nil if it answers nothing there.
func (f *Fronts) NewInstance(table func(addr string) *lane.Table) *Instance {
	return &Instance{fronts: f, table: table}
}

// Serve has a front answer beside server from now on, if there is a table for its address. CoreDNS's
// own sockets must be bound. It may be called again for the same server, which costs little.
func (i *Instance) Serve(server *dnsserver.Server) {
	if _, again := i.known.Load(server); again {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, again := i.known.LoadOrStore(server, nil); again || i.ended {
		return
	}
	table := i.table(server.Addr)
	if table == nil {
		return
	}
	// With the multisocket plugin an address has several servers, which are all alike.
	more := slices.ContainsFunc(i.servers, func(s *dnsserver.Server) bool { return s.Addr == server.Addr })
	i.servers = append(i.servers, server)
	if more {
		return
	}
	g := newGeneration(server, table)
	i.generations = append(i.generations, g)
	i.fronts.serve(g)
}

const (
	// moment is how long a front waits for a new instance. CoreDNS starts the goroutines that
	// tell us of the new servers before it stops the old ones, but does not wait for them. If a
	// front does not wait long enough, it leaves, and another one is opened.
	moment = 500 * time.Millisecond

	// patience is how long queries that were passed on may take, as CoreDNS's own servers wait
	// (dnsserver.NewServer, graceTimeout).
	patience = 5 * time.Second
)

// Replaced is to be called when another instance has started, and before the plugins of this one shut
// down. It waits until what was passed on to them is answered. Fronts that the other instance does not
// take leave.
func (i *Instance) Replaced() {
	i.end()
	ctx, cancel := context.WithTimeout(context.Background(), moment)
	defer cancel()
	for _, g := range i.generations {
		select {
		case <-g.retired:
		case <-ctx.Done():
		}
	}
	i.leave()
}

// Stop is to be called when the program ends. It closes CoreDNS's own sockets, because what arrives
// while the fronts leave would go to them, and be lost when they are closed. Then the fronts leave,
// and it waits for them.
func (i *Instance) Stop() {
	i.end()
	var stopping sync.WaitGroup
	for _, s := range i.servers {
		stopping.Go(func() { _ = s.Stop() }) // caddy calls it again, and logs the error
	}
	stopping.Wait()
	i.leave()
}

// end makes Serve do nothing any more.
func (i *Instance) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ended = true
}

// leave lets the fronts leave that still have this instance's generations, and waits until nothing
// that was passed on is open. A front waits for that itself, and a little longer than patience.
func (i *Instance) leave() {
	for _, g := range i.generations {
		i.fronts.dismiss(g)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience+time.Second)
	defer cancel()
	for _, g := range i.generations {
		select {
		case <-g.idle:
		case <-ctx.Done():
		}
	}
}
