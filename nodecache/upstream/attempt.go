package upstream

import (
	"context"
	"iter"
	"math/bits"
	"time"
)

// exchange is one Exchange at work. It is all in one goroutine:
//
//	next -> send -> wait -> step -> an answer, or nothing left to hope for
//	  ^                      |
//	  +------- lost, slow ---+
type exchange struct {
	forward *Forward
	call    *call
	set     *set
	most    int // asks that count
	turn    int
	began   time.Duration
	latest  int           // the ask made last
	hedgeAt time.Duration // when the query may be asked once more
	owed    int           // asks to be made in place of those that ended
	repeat  ask           // one of those, where it has to go to the same server over TCP
	mutes   int           // connections that were closed without a word, see pause
	cuts    int           // and after the server had said something
	againAt time.Duration // when an owed ask may be made
	waiting uint32        // bit k: asks[k] may still be answered, as far as is known here
	have    verdict
	copied  time.Duration // when a copy was sent that may keep a second connection; 0 for never
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
			return e.outcome(ErrTimeout)
		}
	}
}

// step does what has become due, and reports whether the Exchange is over.
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

// owe takes in asks that ended. A server may close a connection at any time, after each answer
// too: that costs what is still owed on it nothing but the next ask, until the time-out (RFC
// 7766 section 6.2.4).
func (e *exchange) owe(lost [losses]uint32, now time.Duration) {
	e.owed += bits.OnesCount32(lost[failed] | lost[mute] | lost[cut])
	e.void(lost[cut])
	if lost[cut] != 0 {
		if e.cuts++; e.cuts > manyCuts {
			e.againAt = now + rest(e.cuts-manyCuts)
		}
	}
	if lost[mute] == 0 || e.set.check || e.forward.conf.MaxAsks > 0 {
		return // where asks are counted on request, each connection counts
	}
	for k, a := range e.call.asks {
		if lost[mute]>>k&1 == 1 {
			e.againAt = now + e.pause(a.server)
		}
	}
	e.void(lost[mute])
}

// pause returns how long to wait after s closed a connection without a word. If nothing was heard of
// s elsewhere since the query came, that is soon much longer (RFC 9520 section 3.1), but for the
// first tries: another server may be well.
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

// rest returns how long to wait after so many connections were closed, of a server that answers
// others: it may close them for this very query, and then all else that is asked on them.
func rest(times int) time.Duration { return muteAgain / 10 << min(times/4, 6) }

// void has asks count no more whose connections were closed. One over TCP of a server that is asked
// over UDP is for a truncated answer, and has to be made there again.
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

// muteAgain is how soon a server is asked again that closed two connections without a word.
const muteAgain = 100 * time.Millisecond

// manyCuts is how often a query is asked again at once because its connection was closed: where
// many are asked of a server that closes after each answer, that takes a while to be learned.
const manyCuts = 16

// due returns when there is something to do though nothing was heard.
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

// send asks s, and sets when to hedge: later each time once every server was asked.
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

// outcome returns the error of an Exchange that is over, or nil where there is an answer.
func (e *exchange) outcome(otherwise error) error {
	e.call.mu.Lock()
	defer e.call.mu.Unlock()
	switch {
	case e.call.have != none:
		return nil
	case e.forward.ctx.Err() != nil:
		return ErrClosed
	case e.call.err != nil && otherwise == ErrTimeout:
		return e.call.err
	}
	return otherwise
}
