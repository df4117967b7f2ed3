package front

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/neardns/neardns/plugin/lane"
)

// generation is what a front answers with, from one reload to the next.
type generation struct {
	server *dnsserver.Server // takes what the lane passes on
	table  *lane.Table
	ctx    context.Context // of whatever the server gets
	salt   uint64          // what an earlier generation has proved is proved again

	mu      sync.Mutex
	open    int           // queries that the server has yet to answer
	over    bool          // another one took its place, or its front has left
	retired chan struct{} // closed when it is over
	idle    chan struct{} // closed when it is over, and no query is open
}

func newGeneration(server *dnsserver.Server, table *lane.Table) *generation {
	// Both keys as in dnsserver.Server.Serve. Without Key the metrics lack the label `server`.
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, server)
	ctx = context.WithValue(ctx, dnsserver.LoopKey{}, 0)
	return &generation{server: server, table: table, ctx: ctx, salt: rand.Uint64(), retired: make(chan struct{}), idle: make(chan struct{})}
}

// enter counts one more open query. It fails if the generation is over: its plugins may have shut
// down.
func (g *generation) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return false
	}
	g.open++
	return true
}

// leave must follow each enter that did not fail.
func (g *generation) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open--; g.over && g.open == 0 {
		close(g.idle)
	}
}

// retire makes it over.
func (g *generation) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	g.over = true
	close(g.retired)
	if g.open == 0 {
		close(g.idle)
	}
}
