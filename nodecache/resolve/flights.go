package resolve

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"github.com/neardns/neardns/internal/wire"
)

// flights are those of a block that are under way, by what they ask.
type flights struct {
	seed   maphash.Seed
	shards [16]flightShard
}

type flightShard struct {
	mu     sync.Mutex
	flying map[string]*flight
}

func (f *flights) init() {
	f.seed = maphash.MakeSeed()
	for i := range f.shards {
		f.shards[i].flying = map[string]*flight{}
	}
}

func (f *flights) shard(key []byte) *flightShard {
	return &f.shards[wire.Hash(f.seed, key)%uint64(len(f.shards))]
}

// flight returns the one for key that brings what may be kept, or nil. The caller holds mu.
func (s *flightShard) flight(key []byte) *flight {
	if f := s.flying[string(key)]; f != nil && !f.outdated() {
		return f
	}
	return nil
}

// boarding is what came of a query that should be asked upstream.
type boarding uint8

const (
	aboard boarding = iota // it is answered later
	late                   // others ask the same, and it need not wait for that
	full                   // too much is under way
)

// board has q answered by a flight: one that is under way, or a new one. Where that is late,
// it does so only if asked to.
func (r *Resolver) board(q *query, evenLate bool) boarding {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], &q.Query)
	s := q.route.Block.flights.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flight(key)
	if f != nil && f.late && !evenLate {
		return late
	}
	more := load{waiters: 1}
	if f == nil {
		more.flights = 1
	}
	if !r.limits.enter(q.remote.Addr(), more) {
		return full
	}
	if f == nil {
		f = r.takeOff(s, key, q.route.Block, &q.Query, q.remote.Addr())
	} else {
		r.Observer.Coalesced()
	}
	f.waiters = append(f.waiters, r.newWaiter(q))
	return aboard
}

// refresh asks upstream what q asks, for the cache, unless that is under way.
func (r *Resolver) refresh(b *Block, q *wire.Query) {
	var buf [wire.MaxKey]byte
	key := wire.AppendKey(buf[:0], q)
	s := b.flights.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight(key) == nil && b.firstForward(q.Name) != nil && r.limits.enter(nobody, load{flights: 1}) {
		r.takeOff(s, key, b, q, nobody)
	}
}

// takeOff starts a flight, which the limits have admitted for owner. The caller holds s.mu.
func (r *Resolver) takeOff(s *flightShard, key []byte, b *Block, q *wire.Query, owner netip.Addr) *flight {
	f := r.flights.Get().(*flight)
	f.r, f.shard, f.key, f.block, f.owner, f.since = r, s, string(key), b, owner, b.flushes.Load()
	f.query = wire.Query{
		RD: true, CD: q.CD, AD: true, OPT: wire.OPT{DO: q.DO},
		Name: append(f.name[:0], q.Name...), Type: q.Type, Class: q.Class,
	}
	f.late = b.Policy.Recheck > 0 && f.hasStale() // for those who come while one verifies, as CoreDNS's README says
	s.flying[f.key] = f
	r.crew.run(r.ctx, f)
	return f
}
