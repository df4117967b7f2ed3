package resolve

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/neardns/neardns/internal/wire"
)

// flights are the flights of a block that are under way, by what they ask.
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

// flight returns the flight for key, or nil. It leaves out one whose answer will not be kept. The caller
// holds mu.
func (s *flightShard) flight(key []byte) *flight {
	if f := s.flying[string(key)]; f != nil && !f.outdated() {
		return f
	}
	return nil
}

// boarding is what came of a query that needs a flight.
type boarding uint8

const (
	aboard boarding = iota // it is answered later
	late                   // the flight is late, and a stale answer is there
	full                   // too many queries are under way
)

// board puts q on the flight that asks the same, or on a new one. It puts q on a flight that is late only
// if evenLate.
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

// refresh asks upstream what q asks, for the cache only, unless a flight does that already.
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
	f.late = b.Policy.Recheck > 0 && f.hasStale() // only the first client verifies, as CoreDNS's README says
	s.flying[f.key] = f
	r.crew.run(r.ctx, f)
	return f
}

// newWaiter makes a waiter of q, which the limits have admitted. Its front sends nothing now.
func (r *Resolver) newWaiter(q *query) *waiter {
	w := r.waiters.Get().(*waiter)
	w.query, w.to = *q, q.client.Later()
	w.client = nil
	w.Name = append(w.name[:0], q.Name...)
	if q.Cookie != nil {
		w.Cookie = append(w.cookie[:0], q.Cookie...)
	}
	return w
}

// crew is the goroutines that run flights. After a flight, a goroutine waits for the next one: a new
// goroutine would have to grow its stack again, which costs a tenth of a miss.
type crew struct {
	group   sync.WaitGroup
	next    chan *flight // unbuffered: whoever takes a flight runs it
	waiting atomic.Int32 // goroutines that wait for a flight
}

// maxWaiting is how many goroutines may wait for a flight. Each has a stack of some 8 kB.
const maxWaiting = 64

func (c *crew) init() { c.next = make(chan *flight) }

// run runs f in a goroutine of the crew. It does not wait.
func (c *crew) run(ctx context.Context, f *flight) {
	select {
	case c.next <- f:
	default:
		c.group.Go(func() { c.fly(ctx, f) })
	}
}

// fly runs f and then other flights, until ctx ends or enough other goroutines wait.
func (c *crew) fly(ctx context.Context, f *flight) {
	for f != nil {
		f.run()
		f = c.wait(ctx)
	}
}

// wait returns the next flight, or nil if the goroutine should end.
func (c *crew) wait(ctx context.Context) *flight {
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > maxWaiting {
		return nil
	}
	select {
	case f := <-c.next:
		return f
	case <-ctx.Done():
		return nil
	}
}
