package upstream

import (
	"context"
	"iter"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// exchange is one Exchange at work, in one goroutine:
//
//	next -> send -> wait -> step -> an answer, or no hope of one
//	  ^                      |
//	  +------- lost, slow ---+
type exchange struct {
	forward *Forward
	call    *call
	set     *set
	most    int // how many asks may count
	turn    int
	began   time.Duration
	latest  int           // the ask made last
	hedgeAt time.Duration // when the query may be asked once more
	owed    int           // asks to be made in place of others that ended
	repeat  ask           // an owed ask that has to go to the same server over TCP
	mutes   int           // how often connections were closed without a word; see pause
	cuts    int           // how often connections were closed after the server had sent something
	againAt time.Duration // when an owed ask may be made
	waiting uint32        // bit k: asks[k] may still be answered, as far as the exchange knows
	have    verdict
	copied  time.Duration // when a copy was sent that may block a second connection; 0 for never
}

// run asks until there is an answer or no hope of one.
func (e *exchange) run(ctx context.Context) error {
	if !e.admitted() || !e.next(e.began, false) {
		return e.outcome(errNoServer)
	}
	for {
		e.call.timer.Reset(min(e.due(), e.began+e.forward.conf.Timeout) - e.forward.now())
		select {
		case <-e.call.wake:
		case <-e.call.timer.C:
		case <-ctx.Done():
			return e.outcome(ctx.Err())
		}
		if e.step(e.forward.now()) {
			return e.outcome(errTimeout)
		}
	}
}

// admitted reports whether to ask at all, even if every server is down.
func (e *exchange) admitted() bool {
	if e.set.check || !e.set.allDown() {
		return true
	}
	if t := e.forward.conf.Trace.AllDown; t != nil {
		t()
	}
	return !e.forward.conf.FailFast
}

// step does what is due, and reports whether the Exchange is over.
func (e *exchange) step(now time.Duration) (over bool) {
	n := e.call.look()
	e.have, e.waiting = n.have, n.pending
	if n.have == good || now >= e.began+e.forward.conf.Timeout {
		return true
	}
	if n.retry >= 0 && e.call.tries() < MaxAsks {
		a := e.call.asks[n.retry]
		e.send(a.server, now, a.udp && n.how == withoutOPT, a.bare || n.how == withoutOPT)
	}
	e.owe(n.lost, now)
	for ; e.owed > 0 && now >= e.againAt; e.owed-- {
		e.again(now)
	}
	if e.waiting != 0 && now >= e.hedgeAt {
		e.hedge(now)
	}
	return e.waiting == 0 && e.owed == 0
}

// owe takes in asks that ended. A server may close a connection at any time, even after each
// answer. The queries that it still owes an answer are then asked again, until the time-out (RFC
// 7766 section 6.2.4), and the asks that were lost do not count.
func (e *exchange) owe(lost [losses]uint32, now time.Duration) {
	e.owed += bits.OnesCount32(lost[failed] | lost[mute] | lost[cut])
	e.void(lost[cut])
	if lost[cut] != 0 {
		if e.cuts++; e.cuts > manyCuts {
			e.againAt = now + rest(e.cuts-manyCuts)
		}
	}
	if lost[mute] == 0 || e.set.check || e.forward.conf.MaxAsks > 0 {
		return // if the configuration limits asks, each connection counts
	}
	for k, a := range e.call.asks {
		if lost[mute]>>k&1 == 1 {
			e.againAt = now + e.pause(a.server)
		}
	}
	e.void(lost[mute])
}

const (
	// muteAgain is how soon a server is asked again after it closed two connections without a word.
	muteAgain = 100 * time.Millisecond

	// manyCuts is how often a query is asked again at once after its connection was closed. If a
	// server closes its connections after each answer, and many queries wait for it, it takes a
	// while to learn that.
	manyCuts = 16
)

// pause returns how long to wait after s closed a connection without a word. The first tries go
// on at once, as another server may be well. After them, if s has not answered any query since
// this one came, the pause soon becomes much longer (RFC 9520 section 3.1).
func (e *exchange) pause(s *server) time.Duration {
	e.mutes++
	if s.heardSince(e.began) {
		return rest(e.mutes)
	}
	if over := e.mutes - len(e.set.order) - 1; over >= 0 {
		return muteAgain << min(2*over, 8)
	}
	return 0
}

// rest returns how long to wait after so many connections were closed by a server that answers
// other queries. It may close them because of this very query, and each time all other queries
// on the connection are asked again.
func rest(times int) time.Duration { return muteAgain / 10 << min(times/4, 6) }

// void makes asks count no more whose connections were closed. If a server is asked over UDP, an
// ask over TCP is for a truncated answer, and has to be made over TCP again.
func (e *exchange) void(which uint32) {
	for left := which; left != 0; left &= left - 1 {
		if a := e.call.asks[bits.TrailingZeros32(left)]; a.server.Proto == UDP {
			e.repeat = a
		}
	}
	e.call.void(which)
}

// again makes an owed ask.
func (e *exchange) again(now time.Duration) {
	if a := e.repeat; a.server != nil {
		e.repeat = ask{}
		e.send(a.server, now, false, a.bare)
		return
	}
	e.next(now, false)
}

// due returns when there is something to do, even if no answer comes.
func (e *exchange) due() time.Duration {
	switch {
	case e.waiting == 0:
		return e.againAt
	case e.owed > 0:
		return min(e.hedgeAt, e.againAt)
	}
	return e.hedgeAt
}

// waitingAsks yields the asks that may still be answered.
func (e *exchange) waitingAsks() iter.Seq2[int, *ask] {
	return func(yield func(int, *ask) bool) {
		for k := range e.call.asks {
			if e.waiting>>k&1 == 1 && !yield(k, &e.call.asks[k]) {
				return
			}
		}
	}
}

// next asks the best server that can take the query, and reports whether there was one.
func (e *exchange) next(now time.Duration, hedging bool) bool {
	var tried uint32
	for e.call.tries() < e.most {
		i := e.pick(now, hedging, tried)
		if i < 0 {
			return false
		}
		tried |= 1 << i
		if s := e.set.order[i]; e.send(s, now, s.Proto == UDP, e.bare(s)) {
			return true
		}
	}
	return false
}

// send asks s, and sets when to hedge. Once every server was asked, that is later each time.
func (e *exchange) send(s *server, now time.Duration, udp, bare bool) bool {
	k := e.call.add(s, now, udp, bare)
	by, id, ok := s.carry(e.call, k, now, udp)
	if !ok {
		e.call.remove(k)
		return false
	}
	e.call.asks[k].by, e.call.asks[k].id = by, id
	e.waiting |= 1 << k
	e.latest = k
	e.hedgeAt = now + e.forward.delay(e.call.scope)<<min(6, max(0, e.call.tries()-len(e.set.order)))
	return true
}

// run is how many queries in a row the random policy sends to one server over a connection. These
// queries share packets, and a node with few queries keeps one connection rather than three.
const run = 16

// pick returns the index of the server to ask, or -1. It prefers servers that were asked less often;
// then healthier ones; and then the one that the policy puts first.
func (e *exchange) pick(now time.Duration, hedging bool, tried uint32) int {
	luck := e.luck()
	best, least := -1, 0
	for i := range e.set.order {
		cost, ok := e.cost(i, now, hedging)
		if ok && tried>>i&1 == 0 && (best < 0 || cost < least || cost == least && e.before(i, best, cost, luck)) {
			best, least = i, cost
		}
	}
	return best
}

// before reports whether the policy prefers server i to server j, which has the same cost.
func (e *exchange) before(i, j, cost int, luck uint64) bool {
	n := len(e.set.order)
	switch {
	case e.forward.conf.Policy == Random || cost/2 == rankDown:
		return mix(luck+uint64(i)) < mix(luck+uint64(j))
	case e.forward.conf.Policy == RoundRobin:
		return (i+n-e.turn%n)%n < (j+n-e.turn%n)%n
	}
	return i < j
}

// luck returns the number that a random choice is made from.
func (e *exchange) luck() uint64 {
	if len(e.call.asks) == 0 && e.set.order[0].Proto != UDP {
		return mix(uint64(e.turn / run))
	}
	return rand.Uint64()
}

// cost is what speaks against server i; lower is better. cost reports false if the server must
// not be asked now: if it has had its share of the asks; if it has answered and only a better
// answer is wanted; or if a hedge must go to another server, since Sequential asks the next
// server only after the one before has failed.
func (e *exchange) cost(i int, now time.Duration, hedging bool) (cost int, ok bool) {
	s, asked := e.set.order[i], 0
	for k := range e.call.asks {
		if a := &e.call.asks[k]; a.server == s && !a.void {
			asked++
		}
	}
	if asked*len(e.set.order) >= e.most || asked > 0 && e.have == poor {
		return 0, false
	}
	if hedging && s.Proto == UDP && !e.forward.conf.Shares.spare(asked > 0) {
		return 0, false
	}
	if hedging && e.forward.conf.Policy == Sequential {
		if last := &e.call.asks[e.latest]; now < last.at+e.forward.conf.ReadTimeout && !last.server.out.Load() {
			return 0, s == last.server
		}
	}
	rank := s.rank(e.call.scope, now, e.forward.delay(e.call.scope))
	if rank == rankWell && hedging && !s.heardSince(e.began) {
		rank = rankStalled // it may have fallen silent at the same time
	}
	if rank == rankStalled && e.forward.conf.Policy == Sequential {
		rank = rankWell // a slow server has not failed
	}
	cost = 2 * rank
	if i >= e.set.preferred {
		cost++
	}
	return cost + asked<<4, true
}

// outcome returns the error of an Exchange that is over, or nil if there is an answer.
func (e *exchange) outcome(otherwise error) error {
	e.call.mu.Lock()
	defer e.call.mu.Unlock()
	switch {
	case e.call.have != none:
		return nil
	case e.forward.ctx.Err() != nil:
		return ErrClosed
	case e.call.err != nil && otherwise == errTimeout:
		return e.call.err
	}
	return otherwise
}

// answered returns the caller's buffer with the answer.
func (e *exchange) answered() []byte {
	e.call.mu.Lock()
	defer e.call.mu.Unlock()
	a := &e.call.asks[e.call.from]
	if t := e.forward.conf.Trace.Answered; t != nil {
		t(a.server.Endpoint, rcode(e.call.dst[e.call.base:]), e.forward.now()-a.at)
	}
	return e.call.dst
}

// rcode returns the four bits of a response code that the header holds.
func rcode(m wire.Message) uint8 { return uint8(m.HeaderRcode()) }

// done gives back what the Exchange holds.
func (e *exchange) done() {
	if e.copied != 0 {
		e.forward.copies[e.call.scope].Store(false)
	}
	e.forward.free(e.call)
}
