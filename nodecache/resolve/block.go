package resolve

import (
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/hosts"
	"github.com/neardns/neardns/nodecache/querylog"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Block is what a server block of the Corefile does. It does not change.
type Block struct {
	*Memory

	Policy    cache.Policy
	Kept      []wire.Name // the cache keeps only names below these
	NoSuccess []wire.Name // it keeps no success below these
	NoDenial  []wire.Name // it keeps no denial below these
	Stale     Stale

	Cluster  wire.Name   // the cluster domain, such as cluster.local
	Inside   []wire.Name // it, and the reverse zones that the cluster DNS is asked for
	Services wire.Name   // svc.<cluster domain> if names below denied ones are cut, else nil

	IPv4Only []wire.Name // zones in which AAAA is NODATA
	UDPSize  int         // the longest reply over UDP, in bytes
	Hosts    *Hosts      // nil for none

	Forwards []*Forward // the first that serves a name is asked for it
	Log      querylog.Filter
	Errors   func(q *wire.Query, err error) // is called for each query that failed; may be nil
}

// Memory is what a block remembers. It outlives a change of the configuration.
type Memory struct {
	Cache *cache.Cache

	flights flights
	cuts    cuts
	flushes atomic.Uint64 // how often names were flushed
}

// NewMemory returns a Memory with a cache.
func NewMemory(c *cache.Cache) *Memory {
	m := &Memory{Cache: c}
	m.flights.init()
	m.cuts.init()
	return m
}

// flush removes name and all names below it from the cache, and returns how many answers that were. A
// flight that is under way may bring the same answer again. It is not kept, and nobody who asks from
// now on waits for that flight.
func (m *Memory) flush(name wire.Name) (forgotten int) {
	m.flushes.Add(1) // before: a flight that stores later sees this, and the cache has what it stored earlier
	return m.Cache.Flush(name)
}

// Hosts is what a `hosts` directive says.
type Hosts struct {
	*hosts.File
	TTL     uint32      // seconds
	Through []wire.Name // names below these that the file lacks are looked up elsewhere
	// Unsupported: so are names that the file has, for types that it can't have.
	Unsupported bool
}

// Stale says when a stale answer is given.
type Stale struct {
	On bool // unless it is never given

	// Explicit treats all names alike. Otherwise names of the cluster get a stale answer only
	// while no server of one of their forwards can be reached.
	Explicit bool

	// Wait is how long upstream may take before a stale answer is given. With 0 it is given
	// first, and then upstream is asked. If Wait is negative, upstream has to fail first.
	Wait time.Duration
}

// forward returns the first Forward that serves name, from index i on, and its index. It returns nil if
// there is none.
func (b *Block) forward(name wire.Name, i int) (*Forward, int) {
	for ; i < len(b.Forwards); i++ {
		if f := b.Forwards[i]; f.serves(name) {
			return f, i
		}
	}
	return nil, i
}

// firstForward returns the Forward that is asked first for name, or nil.
func (b *Block) firstForward(name wire.Name) *Forward {
	f, _ := b.forward(name, 0)
	return f
}

// sameForwards reports whether the same forwards are asked for two names.
func (b *Block) sameForwards(one, other wire.Name) bool {
	for _, f := range b.Forwards {
		serves := f.serves(one)
		if serves != f.serves(other) {
			return false
		}
		if serves && !f.mayHandOn() {
			return true
		}
	}
	return true
}

// scope returns the scope of a name. Names of the cluster domain have connections of their own.
func (b *Block) scope(name wire.Name) upstream.Scope {
	if b.Cluster != nil && name.Below(b.Cluster) {
		return upstream.Cluster
	}
	return upstream.Other
}

// policy returns what may be kept about a name.
func (b *Block) policy(name wire.Name) cache.Policy {
	p := b.Policy
	kept := belowAny(name, b.Kept)
	if !kept || belowAny(name, b.NoSuccess) {
		p.Positive = cache.Bounds{}
	}
	if !kept || belowAny(name, b.NoDenial) {
		p.Denial = cache.Bounds{}
	}
	return p
}

// Follow makes b's cache hold to b's policies; see cache.Cache.Tighten. Old is the block before, or nil.
// If other servers denied a name than those that b asks for it, the denial is forgotten: the name may
// exist there.
func (b *Block) Follow(old *Block) {
	b.Cache.Tighten(func(name wire.Name) cache.Policy {
		p := b.policy(name)
		if old != nil && !b.asksLike(old, name) {
			p.Denial = cache.Bounds{}
		}
		return p
	})
}

// asksLike reports whether b asks the same servers for name as old does.
func (b *Block) asksLike(old *Block, name wire.Name) bool {
	f, i := b.forward(name, 0)
	g, j := old.forward(name, 0)
	for f != nil && g != nil {
		if f.Upstream != g.Upstream || !f.handsOnLike(g) {
			return false
		}
		if !f.mayHandOn() {
			return true
		}
		f, i = b.forward(name, i+1)
		g, j = old.forward(name, j+1)
	}
	return f == nil && g == nil
}

// mayBeStale reports whether name may get a stale answer when upstream takes too long or fails
// (RFC 8767, section 5). See Stale for the names of the cluster.
func (b *Block) mayBeStale(name wire.Name) bool {
	if !b.Stale.On || b.firstForward(name) == nil {
		return false
	}
	return b.Stale.Explicit || !belowAny(name, b.Inside) || b.out(name)
}

// out reports whether name may be asked of a Forward that has no server which can be reached.
func (b *Block) out(name wire.Name) bool {
	for f, i := b.forward(name, 0); f != nil; f, i = b.forward(name, i+1) {
		if f.Upstream.Out() {
			return true
		}
		if !f.mayHandOn() {
			break
		}
	}
	return false
}

// staleAtOnce reports whether name may get a stale answer before its first Forward is asked: if the
// configuration says so, and while no server of that Forward can be reached.
func (b *Block) staleAtOnce(name wire.Name, first *Forward) bool {
	return b.mayBeStale(name) && (b.Stale.Wait == 0 || first.Upstream.Out())
}
