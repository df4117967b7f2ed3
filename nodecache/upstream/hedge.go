package upstream

import (
	"sync/atomic"
	"time"
)

// budget bounds how much may be asked twice, in tenths of a query. Each Exchange earns one
// tenth, so that hedges are 10 % of the queries at most, and 50 % where servers fell silent
// or keep queries waiting behind others: load never doubles, however slow the servers are.
type budget struct {
	tenths atomic.Int64
}

const (
	budgetMax   = 400
	priceHedge  = 10            // the server asked first is slow
	priceRescue = 2             // it said nothing at all since, or has not come to the query
	rescueShare = budgetMax / 2 // what is kept for rescues
)

func (b *budget) earn() {
	if b.tenths.Load() < budgetMax {
		b.tenths.Add(1)
	}
}

// spend takes price if more than keep is left after.
func (b *budget) spend(price, keep int64) bool {
	for {
		have := b.tenths.Load()
		if have-price < keep {
			return false
		}
		if b.tenths.CompareAndSwap(have, have-price) {
			return true
		}
	}
}

// pace follows the median time of an answer. A tenth of them may take seconds without
// moving it; a server that is far away moves it in some dozens of queries.
type pace struct {
	median atomic.Int64
}

// observe takes in one answer. Two at the same time may count as one.
func (p *pace) observe(took time.Duration) {
	m := p.median.Load()
	step := m>>4 + int64(time.Microsecond)
	if int64(took) < m {
		step = -step
	}
	p.median.Store(m + step)
}

// delay returns how long to wait for an answer before another server is asked: least, or
// three times the median, but not more than most.
func (p *pace) delay(least, most time.Duration) time.Duration {
	return max(least, min(3*time.Duration(p.median.Load()), most))
}

// hedge asks once more, if the budget has it.
func (e *exchange) hedge(now time.Duration) {
	if e.set.check { // one query is all of it
		e.hedgeAt = e.began + e.forward.conf.Timeout
		return
	}
	delay, budget := e.forward.delay(e.call.scope), &e.forward.budgets[e.call.scope]
	if e.inquire() {
		e.hedgeAt = now + delay/8 // a server that lives answers that at once
		return
	}
	later := now + max(delay/4, (now-e.began)/2) // a slow query is looked at some ten times in all
	price, keep := e.price()
	if price == priceHedge && !e.mayCopy(now) || !budget.spend(price, keep) {
		e.hedgeAt = later
		return
	}
	if !e.next(now, true) {
		e.hedgeAt = max(later, now+delay)
		budget.tenths.Add(price)
		return
	}
	if t := e.forward.conf.Trace.Hedged; t != nil {
		t(e.call.asks[e.latest].server.Endpoint)
	}
}

// inquire asks servers that said nothing whether they live, unless that was done, and
// reports whether one was asked.
func (e *exchange) inquire() (asked bool) {
	for _, a := range e.waitingAsks() {
		if !a.udp && !a.server.heardSince(a.at) {
			asked = a.server.inquire(a.at) || asked
		}
	}
	return asked
}

// price returns what a hedge costs, and what has to be left in the budget after. It costs
// less where the query is not what keeps a server: that fell silent altogether, or may not
// have come to it.
func (e *exchange) price() (price, keep int64) {
	for _, a := range e.waitingAsks() {
		if a.server.heardSince(a.at) && !a.by.held(a.id) {
			return priceHedge, rescueShare
		}
	}
	return priceRescue, 0
}

// mayCopy reports whether a query that keeps a connection may be sent on another one, which
// it may keep just as long where servers answer in order: one query of a scope at a time, and
// that once in a ReadTimeout.
func (e *exchange) mayCopy(now time.Duration) bool {
	streams := false
	for _, a := range e.waitingAsks() {
		streams = streams || !a.udp
	}
	if !streams {
		return true
	}
	if e.copied == 0 && !e.forward.copies[e.call.scope].CompareAndSwap(false, true) {
		return false
	}
	if e.copied != 0 && now < e.copied+e.forward.conf.ReadTimeout {
		return false
	}
	e.copied = now
	return true
}

// done gives back what the Exchange holds.
func (e *exchange) done() {
	if e.copied != 0 {
		e.forward.copies[e.call.scope].Store(false)
	}
	e.forward.free(e.call)
}
