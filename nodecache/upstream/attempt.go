package upstream

import (
	"context"
	"iter"
	"time"
)

// exchange is one Exchange at work. It is all in one goroutine:
//
//	next -> send -> wait -> step -> an answer, or nothing left to hope for
//	  ^                      |
//	  +------- lost, slow ---+
type exchange struct {
	pool    *Pool
	call    *call
	set     *set
	most    int // asks
	turn    int
	began   time.Duration
	hedgeAt time.Duration // when the query may be asked once more
	waiting uint32        // bit k: asks[k] may still be answered, as far as is known here
	have    verdict
	copied  time.Duration // when a copy was sent that may keep a second connection; 0 for never
}

// run asks until there is an answer or no hope of one.
func (e *exchange) run(ctx context.Context) error {
	if !e.admitted() || !e.next(e.began, false) {
		return e.outcome(ErrNoServer)
	}
	for {
		e.call.timer.Reset(min(e.hedgeAt, e.began+e.pool.conf.Timeout) - e.pool.now())
		select {
		case <-e.call.wake:
		case <-e.call.timer.C:
		case <-ctx.Done():
			return e.outcome(ctx.Err())
		}
		if e.step(e.pool.now()) {
			return e.outcome(ErrTimeout)
		}
	}
}

// step does what has become due, and reports whether the Exchange is over.
func (e *exchange) step(now time.Duration) (over bool) {
	n := e.call.look()
	e.have, e.waiting = n.have, n.pending
	if n.have == good || now >= e.began+e.pool.conf.Timeout {
		return true
	}
	if n.retry >= 0 && len(e.call.asks) < maxAsks {
		e.send(e.call.asks[n.retry].server, now, false)
	}
	// There are servers that close a connection after so many answers. Those still owed on
	// it took no try that failed.
	e.most = min(e.most+n.spared, maxAsks)
	for range n.lost {
		e.next(now, false)
	}
	if e.waiting != 0 && now >= e.hedgeAt {
		e.hedge(now)
	}
	return e.waiting == 0
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
	for len(e.call.asks) < e.most {
		i := e.pick(now, hedging, tried)
		if i < 0 {
			return false
		}
		tried |= 1 << i
		if s := e.set.order[i]; e.send(s, now, s.Proto == UDP) {
			return true
		}
	}
	return false
}

// send asks s, and sets when to hedge: later each time once every server was asked.
func (e *exchange) send(s *server, now time.Duration, udp bool) bool {
	k := e.call.add(s, now, udp)
	by, id, ok := s.carry(e.call, k, now, udp)
	if !ok {
		e.call.remove(k)
		return false
	}
	e.call.asks[k].by, e.call.asks[k].id = by, id
	e.waiting |= 1 << k
	e.hedgeAt = now + e.pool.delay(e.call.lane)<<min(6, max(0, len(e.call.asks)-len(e.set.order)))
	return true
}

// outcome returns the error of an Exchange that is over, or nil where there is an answer.
func (e *exchange) outcome(otherwise error) error {
	e.call.mu.Lock()
	defer e.call.mu.Unlock()
	switch {
	case e.call.have != none:
		return nil
	case e.pool.ctx.Err() != nil:
		return ErrClosed
	case e.call.err != nil && otherwise == ErrTimeout:
		return e.call.err
	}
	return otherwise
}
