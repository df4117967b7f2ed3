package resolve

import (
	"context"
	"slices"
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
	Kept      []wire.Name // only of names below these anything is kept
	NoSuccess []wire.Name // zones of which no success is kept
	NoDenial  []wire.Name // zones of which no denial is kept
	Stale     Stale

	Cluster  wire.Name   // the cluster domain, such as cluster.local
	Inside   []wire.Name // it, and the reverse zones that the cluster DNS is asked for
	Services wire.Name   // svc.<cluster domain> where names below denied ones are cut, or nil

	IPv4Only []wire.Name // zones in which AAAA is NODATA
	UDPSize  int         // replies over UDP are no longer, in bytes
	Hosts    *Hosts      // nil for none

	Forwards []*Forward
	Log      querylog.Filter
	Errors   func(q *wire.Query, err error) // told of queries that failed; nil for no one
}

// Memory is what a block remembers. It outlives a change of the configuration.
type Memory struct {
	Cache *cache.Cache

	flights flights
	cuts    cuts
	flushes atomic.Uint64
}

// flush forgets what the cache keeps of name and of what is below it, and returns how many answers
// that were. What is asked for already may bring the same again: it is not kept, and nobody who
// comes now waits for it.
func (m *Memory) flush(name wire.Name) (forgotten int) {
	m.flushes.Add(1) // first: what is kept after that is seen below, or by the flight that brought it
	return m.Cache.Flush(name)
}

// NewMemory returns a Memory around a cache.
func NewMemory(c *cache.Cache) *Memory {
	m := &Memory{Cache: c}
	m.flights.init()
	m.cuts.init()
	return m
}

// Hosts is what a `hosts` directive says.
type Hosts struct {
	*hosts.File
	TTL     uint32      // seconds
	Through []wire.Name // names below these that the file lacks are looked for further on
	// Unsupported lets those names through also for types that the file can't have.
	Unsupported bool
}

// Stale says when an answer that has expired is given. Names inside the cluster get one
// only while no upstream can be reached at all, unless Explicit.
type Stale struct {
	On, Explicit bool

	// Wait is how long upstream may take before a stale answer is given: 0 for none, which
	// asks upstream only after; negative for as long as it takes to fail.
	Wait time.Duration
}

// Forward is the servers that a block forwards to.
type Forward struct {
	From   wire.Name
	Except []wire.Name
	Next   []wire.Rcode // codes that hand the query to the next Forward

	NextOnNodata bool // so does NODATA

	Upstream Exchanger
	Servers  *cache.Servers // failures are blamed on it; whoever owns Upstream tells it of the recovery
	Options  []byte         // EDNS options of its queries
}

// Exchanger asks servers; see upstream.Forward.
type Exchanger interface {
	Exchange(ctx context.Context, dst []byte, q *wire.Query, options []byte, scope upstream.Scope) ([]byte, error)
	Out() bool
}

// serves reports whether u is asked for name.
func (u *Forward) serves(name wire.Name) bool {
	return name.Below(u.From) && !belowAny(name, u.Except)
}

// upstream returns the first Forward from index i on that serves name, and its index, or nil.
func (b *Block) upstream(name wire.Name, i int) (*Forward, int) {
	for ; i < len(b.Forwards); i++ {
		if u := b.Forwards[i]; u.serves(name) {
			return u, i
		}
	}
	return nil, i
}

// firstForward returns the Forward that is asked first for name, or nil.
func (b *Block) firstForward(name wire.Name) *Forward {
	u, _ := b.upstream(name, 0)
	return u
}

// scope returns the scope of a name: those of the cluster domain have connections of their own.
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

// Follow has what b's cache keeps be within what b says now, which takes the place of old, nil for
// none; see cache.Cache. What was denied by others than b asks may be there where it asks now.
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
	u, i := b.upstream(name, 0)
	v, j := old.upstream(name, 0)
	for u != nil && v != nil {
		if u.Upstream != v.Upstream || !slices.Equal(u.Next, v.Next) || u.NextOnNodata != v.NextOnNodata {
			return false
		}
		if !u.mayHandOn() {
			return true
		}
		u, i = b.upstream(name, i+1)
		v, j = old.upstream(name, j+1)
	}
	return u == nil && v == nil
}

func belowAny(name wire.Name, zones []wire.Name) bool {
	return slices.ContainsFunc(zones, func(z wire.Name) bool { return name.Below(z) })
}
