package cache

import (
	"sync"
	"sync/atomic"

	"github.com/neardns/neardns/internal/wire"
)

// parents are the names right above those for which Servers answered SERVFAIL, until something
// below them resolves. Mostly there are none, and then an answer costs one atomic load.
type parents struct {
	any  atomic.Bool
	mu   sync.Mutex
	list map[string]*parent // by lower-case name
}

// parent is such a name.
type parent struct {
	works atomic.Bool // something below it has resolved since
}

// maxParents bounds the list, to 200 kB. One that is pushed out ends no failure before its time.
const maxParents = 512

// of returns the parent of a name, which did not resolve.
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

// works notes that a name resolved, and so that what is above it does.
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
