package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Servers are the upstream servers that a failure is blamed on, such as those of one forward.
// The zero value is ready.
type Servers struct {
	failed   atomic.Bool   // Fail was called since the last Recovered
	epoch    atomic.Uint32 // counts Recovered; it ends what Fail noted before
	replaced atomic.Uint32 // counts Replaced; it ends the SERVFAILs and refusals from before
	parents  parents
}

// Recovered ends every failure that Fail blamed on s, as s has answered again. It costs next to
// nothing when there is none, so it may be called for every answer.
func (s *Servers) Recovered() {
	if s.failed.Load() && s.failed.Swap(false) {
		s.epoch.Add(1)
	}
}

// Replaced ends every failure that is blamed on s, also the SERVFAILs and refusals that s sent.
// Call it when other servers are asked from now on.
func (s *Servers) Replaced() {
	s.Recovered()
	s.replaced.Add(1)
}

// fault is what a failure was.
type fault struct {
	servers *Servers
	epoch   uint32  // the servers' epoch when it failed, or replaced if an answer came; a change ends the failure
	times   uint8   // how often in a row a useless answer came, mostly SERVFAIL; 0: no answer came
	parent  *parent // nil if other names' answers can't end the failure
}

// cleared reports whether the failure has ended before its time. age is how old it is.
func (f *fault) cleared(age time.Duration) bool {
	switch {
	case f.times == 0:
		return f.servers.epoch.Load() != f.epoch
	case f.parent != nil && f.parent.works.Load() && age >= shortestFailure:
		return true
	}
	return f.servers.replaced.Load() != f.epoch
}

// parents are the parents of the names for which Servers sent SERVFAIL, until something below
// them resolves. Mostly there are none, and then an answer costs one atomic load.
type parents struct {
	any  atomic.Bool // list is not empty
	mu   sync.Mutex
	list map[string]*parent // by lower-case name in wire form
}

// parent is the name directly above a name that failed.
type parent struct {
	works atomic.Bool // something below it has resolved since
}

// maxParents bounds the list, to 200 kB. If a parent is pushed out, the failures below it last
// for their whole time.
const maxParents = 512

// of returns the parent of a name that failed.
func (p *parents) of(name wire.Name) *parent {
	key := string(name.Parent().AppendLower(nil))
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.list[key]; known != nil {
		return known
	}
	if p.list == nil || len(p.list) >= maxParents {
		p.list = map[string]*parent{}
	}
	p.list[key] = new(parent)
	p.any.Store(true)
	return p.list[key]
}

// works notes that a name resolved, and so all names above it work.
func (p *parents) works(name wire.Name) {
	if !p.any.Load() {
		return
	}
	var buf [wire.MaxName]byte
	above := wire.Name(name.AppendLower(buf[:0]))
	p.mu.Lock()
	defer p.mu.Unlock()
	for last := false; !last; above = above.Parent() {
		if known := p.list[string(above)]; known != nil {
			known.works.Store(true)
			delete(p.list, string(above))
		}
		last = above.IsRoot()
	}
	p.any.Store(len(p.list) > 0)
}
