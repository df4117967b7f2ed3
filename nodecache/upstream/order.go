package upstream

import (
	"math/rand/v2"
	"time"
)

// set is the servers that are asked. It does not change; a Forward replaces it.
type set struct {
	order    []*server // at most MaxAsks
	fallback int       // those from here on are asked only where none before them is well
	check    bool      // asked once, and whatever is known of the server
	whole    bool      // asked with the OPT record, and not again without one
}

// most returns how many asks an Exchange has, configured as most.
func (s *set) most(most int) int {
	if most == 0 {
		most = max(2*len(s.order), minAsks)
	}
	if most < 0 || most > MaxAsks {
		most = MaxAsks
	}
	return most
}

func (s *set) allDown() bool {
	for _, server := range s.order {
		if !server.down() {
			return false
		}
	}
	return len(s.order) > 0
}

// admitted reports whether to ask at all, though every server may be down.
func (e *exchange) admitted() bool {
	if e.set.check || !e.set.allDown() {
		return true
	}
	if t := e.forward.conf.Trace.AllDown; t != nil {
		t()
	}
	return !e.forward.conf.FailFast
}

// run is how many queries in a row the random policy sends over streams to one server: they
// share packets, and a node with few queries keeps one connection rather than three.
const run = 16

// pick returns the server to ask: one asked least, of those the healthiest, of those by
// policy; or -1.
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

// before reports whether the policy has server i before j, which costs the same.
func (e *exchange) before(i, j, cost int, luck uint64) bool {
	n := len(e.set.order)
	switch {
	case e.forward.conf.Policy == Random || cost/2 == rankDown:
		return mix(luck+uint64(i)) < mix(luck+uint64(j)) // #nosec G115 -- not negative
	case e.forward.conf.Policy == RoundRobin:
		return (i+n-e.turn%n)%n < (j+n-e.turn%n)%n
	}
	return i < j
}

// luck returns what chance is drawn from.
func (e *exchange) luck() uint64 {
	if len(e.call.asks) == 0 && e.set.order[0].Proto != UDP {
		return mix(uint64(e.turn / run)) // #nosec G115 -- not negative
	}
	return rand.Uint64() // #nosec G404 -- spreads load
}

// cost is what speaks against server i. It reports false where it must not be asked now: it
// was asked its share, it answered and only a better answer is wanted, or, as Sequential
// asks the next server only where the one before failed, a hedge belongs to another.
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
		rank = rankWell // slow is not failed
	}
	cost = 2 * rank
	if i >= e.set.fallback {
		cost++
	}
	return cost + asked<<4, true
}
