package resolve

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// flight asks upstream once for all who ask the same meanwhile.
type flight struct {
	r     *Resolver
	shard *flightShard
	key   string
	block *Block
	owner netip.Addr // the client that it counts for
	query wire.Query // what is asked; its name is in name
	name  [wire.MaxName]byte
	since uint64 // flushes of the block when it took off

	// The shard's lock guards these.
	waiters []*waiter
	late    bool // who comes now gets a stale answer: upstream takes too long, or Recheck has it so

	watched bool // by a timer that may still hold it
}

// scratch is the buffers of a flight, which it gives back when it has landed.
type scratch struct {
	response, clean, reply []byte
}

// maxScratch is how much a flight's buffer may have grown and be used again, in bytes.
const maxScratch = 8192

func (s *scratch) small() bool {
	return max(cap(s.response), cap(s.clean), cap(s.reply)) <= maxScratch
}

// run is the whole flight, which is given back.
func (f *flight) run() {
	defer f.free()
	s := f.r.scratches.Get().(*scratch)
	res := result{rcode: wire.ServFail, source: tally.Failed}
	defer f.r.limits.leave(f.owner, load{flights: 1})
	defer f.land(s, &res) // whatever happens below
	defer f.r.survive()
	defer f.watch()()
	f.fetch(s, &res)
	if f.outdated() {
		f.block.Cache.Remove(&f.query)
	}
}

// outdated reports whether something was flushed since f asked.
func (f *flight) outdated() bool { return f.since != f.block.flushes.Load() }

// free gives f back, unless its timer may still look at it.
func (f *flight) free() {
	if r := f.r; !f.watched {
		*f = flight{}
		r.flights.Put(f)
	}
}

// land answers those who wait.
func (f *flight) land(s *scratch, res *result) {
	waiters := f.close()
	if res.dropped && len(waiters) > 0 {
		waiters[0].route.Count.Drop(f.r.Writer)
	}
	for n, w := range waiters {
		s.reply = f.r.land(s.reply[:0], w, n, res)
	}
	if s.small() {
		f.r.scratches.Put(s)
	}
}

// close lets nobody aboard any more, and returns those who are.
func (f *flight) close() []*waiter {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	if f.shard.flying[f.key] == f {
		delete(f.shard.flying, f.key)
	}
	return f.takeWaiters()
}

// takeWaiters returns those who wait, of whom nobody else hears any more: each is answered
// once. The caller holds the shard's lock.
func (f *flight) takeWaiters() []*waiter {
	waiters := f.waiters
	f.waiters = nil
	return waiters
}

// fetch asks upstream and fills res with what it says, which the cache keeps.
func (f *flight) fetch(s *scratch, res *result) {
	u, err := f.ask(s)
	if err != nil {
		f.failed(u, err, res)
		return
	}
	if res.source = tally.Forwarded; len(f.block.Kept) == 0 {
		res.source = tally.Uncached
	}
	p := f.block.policy(f.query.Name)
	clean, v, kept := f.block.Cache.Store(s.clean[:0], &f.query, s.response, u.Servers, &p, f.r.now())
	s.clean, res.clean = clean, clean
	res.stale = !p.Replaces(&v)
	switch {
	case v.Kind == wire.Failed:
	case len(clean) > 0:
		res.run = wire.Message(clean).AddressRun()
		f.r.learn(f.block, &f.query, &v, kept)
	default: // also a code that needs an OPT record: it speaks of one hop only
		f.block.Cache.Fail(&f.query, u.Servers, &p, f.r.now())
		res.dropped = true
		res.why = because(wire.InvalidData, "upstream sent a malformed answer")
	}
}

// ask asks the upstreams in turn, as far as the code of an answer says so.
func (f *flight) ask(s *scratch) (u *Forward, err error) {
	u, i := f.block.upstream(f.query.Name, 0)
	for {
		if s.response, err = f.exchange(s.response[:0], u); err != nil {
			return u, err
		}
		if !u.handsOn(s.response) {
			return u, nil
		}
		next, n := f.block.upstream(f.query.Name, i+1)
		if next == nil {
			return u, nil
		}
		u, i = next, n
	}
}

// handsOn reports whether an answer of u's hands the query to the next upstream.
func (u *Forward) handsOn(response wire.Message) bool {
	if !u.mayHandOn() {
		return false
	}
	rcode := response.Rcode()
	return slices.Contains(u.Next, rcode) || u.NextOnNodata && rcode == wire.NoError && response.Answers() == 0
}

// mayHandOn reports whether any answer of u's hands the query to the next upstream.
func (u *Forward) mayHandOn() bool { return len(u.Next) > 0 || u.NextOnNodata }

func (f *flight) exchange(dst []byte, u *Forward) ([]byte, error) {
	ctx := f.r.ctx
	if u.Upstream.Out() {
		short, cancel := context.WithTimeout(ctx, outTime)
		defer cancel()
		ctx = short
	}
	return u.Upstream.Exchange(ctx, dst, &f.query, u.Options, f.block.scope(f.query.Name))
}

// outTime is how long a query may take while no server is known to be there. One that has
// come back meanwhile answers at once.
const outTime = time.Second

// failed fills res where no answer came. What is u's fault is kept, so that asking again
// costs no wait (RFC 9520, section 3.2).
func (f *flight) failed(u *Forward, err error, res *result) {
	res.stale = true
	switch {
	case errors.Is(err, upstream.ErrBusy):
		res.rcode, res.stale = wire.Refused, false // as the stock plugin with max_concurrent
		return
	case errors.Is(err, upstream.ErrClosed) || f.r.ctx.Err() != nil:
		res.why = because(wire.NotReady, "shutting down")
		return
	}
	f.block.Cache.Fail(&f.query, u.Servers, &f.block.Policy, f.r.now())
	if f.block.Errors != nil {
		f.block.Errors(&f.query, err)
	}
	res.why = because(wire.NoReachableAuthority, "upstream did not answer")
}
