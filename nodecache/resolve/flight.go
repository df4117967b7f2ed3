package resolve

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// flight asks upstream one question for all who ask it meanwhile.
type flight struct {
	r     *Resolver
	shard *flightShard
	key   string
	block *Block
	owner netip.Addr // the client that it counts for
	query wire.Query // what is asked; its name is in name
	name  [wire.MaxName]byte
	since uint64 // how many flushes of the block there were when it took off

	// These are guarded by shard.mu.
	waiters []*waiter
	late    bool // upstream takes too long, or Policy.Recheck is on: new queries get a stale answer

	watched bool // there was a timer, which may still hold the flight
}

// scratch is the buffers of a flight, which are used again after it.
type scratch struct {
	response, clean, reply []byte
}

// maxScratch is how large a buffer may be, in bytes, to be used again.
const maxScratch = 8192

func (s *scratch) small() bool {
	return max(cap(s.response), cap(s.clean), cap(s.reply)) <= maxScratch
}

// result is what a flight brings.
type result struct {
	clean   []byte // the answer, as the cache would give it; empty if there is only a code
	run     wire.Run
	rcode   wire.Rcode
	why     wire.Error // the reason for a failure, or what upstream gave as one; its text may be of scratch
	dropped bool       // upstream's answer was malformed
	stale   bool       // a stale answer would be better, if there is one

	source tally.Source
}

// run is the whole flight, and gives it back.
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

// outdated reports whether names were flushed since f took off. Then its answer is not kept.
func (f *flight) outdated() bool { return f.since != f.block.flushes.Load() }

// free gives f back, unless its timer may still look at it.
func (f *flight) free() {
	if r := f.r; !f.watched {
		*f = flight{}
		r.flights.Put(f)
	}
}

// fetch asks upstream, stores the answer, and fills res.
func (f *flight) fetch(s *scratch, res *result) {
	to, err := f.ask(s)
	if err != nil {
		f.failed(to, err, res)
		return
	}
	if res.source = tally.Forwarded; len(f.block.Kept) == 0 {
		res.source = tally.Uncached
	}
	p := f.block.policy(f.query.Name)
	clean, v, kept := f.block.Cache.Store(s.clean[:0], &f.query, s.response, to.Servers, &p, f.r.now())
	s.clean, res.clean, res.why = clean, clean, wire.Message(s.response).Error()
	res.stale = !p.Replaces(&v)
	switch {
	case v.Kind == wire.Failed:
		if !res.why.Set {
			res.why = whyServFail
		}
	case len(clean) > 0:
		res.run = wire.Message(clean).AddressRun()
		f.learn(&v, kept)
	default: // a code that needs an OPT record ends here too: it is about one hop only
		res.dropped, res.why = true, whyMalformed
		f.block.Cache.Fail(&f.query, to.Servers, &p, res.why, f.r.now())
	}
}

// ask asks the forwards of the name in turn, as long as their answers hand the query on. It returns the
// last one that it asked, whose answer is in s.response.
func (f *flight) ask(s *scratch) (to *Forward, err error) {
	to, i := f.block.forward(f.query.Name, 0)
	for {
		if s.response, err = f.exchange(s.response[:0], to); err != nil {
			return to, err
		}
		if !to.handsOn(s.response) {
			return to, nil
		}
		next, n := f.block.forward(f.query.Name, i+1)
		if next == nil {
			return to, nil
		}
		to, i = next, n
	}
}

// outTime is how long a query may take while no server is known to be reachable. A server that has come
// back answers at once.
const outTime = time.Second

func (f *flight) exchange(dst []byte, to *Forward) ([]byte, error) {
	ctx := f.r.ctx
	if to.Upstream.Out() {
		short, cancel := context.WithTimeout(ctx, outTime)
		defer cancel()
		ctx = short
	}
	return to.Upstream.Exchange(ctx, dst, &f.query, to.Options, f.block.scope(f.query.Name))
}

// failed fills res after an error. The cache keeps a failure of the servers, so that the next client
// doesn't have to wait for it again (RFC 9520, section 3.2).
func (f *flight) failed(to *Forward, err error, res *result) {
	res.stale = true
	switch {
	case errors.Is(err, upstream.ErrBusy):
		res.rcode, res.stale, res.why = wire.Refused, false, whyBusy // like the stock plugin with max_concurrent
		return
	case errors.Is(err, upstream.ErrClosed) || f.r.ctx.Err() != nil:
		res.why = whyLeaving
		return
	}
	res.why = noAnswer(nil, to)
	f.block.Cache.Fail(&f.query, to.Servers, &f.block.Policy, res.why, f.r.now())
	if f.block.Errors != nil {
		f.block.Errors(&f.query, err)
	}
}

// watch sets a timer for Stale.Wait, if there is a stale answer to give then. The function that it
// returns stops the timer.
func (f *flight) watch() (stop func()) {
	if f.block.Stale.Wait <= 0 || !f.hasStale() {
		return func() {}
	}
	f.watched = true
	f.r.crew.group.Add(1)
	timer := time.AfterFunc(f.block.Stale.Wait, f.tooLate)
	return func() {
		if timer.Stop() {
			f.r.crew.group.Done()
		}
	}
}

// hasStale reports whether there is a stale answer that may be given.
func (f *flight) hasStale() bool {
	b := f.block
	return b.mayBeStale(f.query.Name) && b.Cache.HasStale(&f.query, &b.Policy, f.r.now())
}

// tooLate gives a stale answer to all who wait. Those who come later get it at once.
func (f *flight) tooLate() {
	defer f.r.crew.group.Done()
	defer f.r.survive()
	if !f.hasStale() {
		return
	}
	f.shard.mu.Lock()
	waiters := f.takeWaiters()
	f.late = true
	f.shard.mu.Unlock()
	res := result{rcode: wire.ServFail, stale: true, source: tally.Failed}
	var reply []byte
	for n, w := range waiters {
		reply = w.land(reply, n, &res)
	}
}

// land answers all who wait.
func (f *flight) land(s *scratch, res *result) {
	waiters := f.close()
	if res.dropped && len(waiters) > 0 {
		waiters[0].route.Count.Drop(f.r.Writer)
	}
	for n, w := range waiters {
		s.reply = w.land(s.reply, n, res)
	}
	if s.small() {
		f.r.scratches.Put(s)
	}
}

// close lets nobody else aboard, and returns who waits.
func (f *flight) close() []*waiter {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	if f.shard.flying[f.key] == f {
		delete(f.shard.flying, f.key)
	}
	return f.takeWaiters()
}

// takeWaiters returns who waits. The caller answers them; nobody else gets hold of them. The caller holds
// the shard's lock.
func (f *flight) takeWaiters() []*waiter {
	waiters := f.waiters
	f.waiters = nil
	return waiters
}

// waiter is a query that waits for a flight to land. Its slices are its own.
type waiter struct {
	query
	to     listen.Responder
	name   [wire.MaxName]byte
	cookie [40]byte // RFC 7873, section 4
}

// land sends w its reply, as the n-th of those who waited for the flight, and gives w back. It writes the
// reply to buf and returns it for the next one. Whatever happens, w gets its reply.
func (w *waiter) land(buf []byte, n int, res *result) (reply []byte) {
	r := w.r
	defer r.survive()
	defer func() {
		r.limits.leave(w.remote.Addr(), load{waiters: 1})
		w.to.Send(reply)
		w.query, w.to = query{}, nil
		r.waiters.Put(w)
	}()
	reply, from := w.reply(buf[:0], n, res)
	w.observe(reply, from, r.Writer)
	return reply
}

// reply appends the reply to w.
func (w *waiter) reply(dst []byte, n int, res *result) ([]byte, origin) {
	if res.stale && w.route.Block.mayBeStale(w.Name) {
		// A denial that came just now may be in the cache, but is no better than itself.
		if reply, from, ok := w.stale(dst); ok && (from.stale || len(res.clean) == 0) {
			return reply, from
		}
	}
	if len(res.clean) == 0 {
		return w.code(dst, res.rcode, res.why), origin{source: res.source}
	}
	start := len(dst)
	dst = append(dst, res.clean...)
	m := wire.Message(dst[start:])
	m.Rotate(res.run, n)
	m.FinishReply(&w.Query)
	return w.finish(dst, start, res.why), origin{source: res.source}
}
