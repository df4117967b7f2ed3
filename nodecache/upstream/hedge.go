package upstream

import (
	"sync/atomic"
	"time"
)

// budget bounds how many queries may be asked twice, in tenths of a query. Each Exchange earns
// one tenth. So hedges are at most 10 % of the queries, or 50 % while servers fall silent or keep
// queries waiting behind others. The load never doubles, however slow the servers are.
type budget struct {
	tenths atomic.Int64
}

const (
	budgetMax   = 400
	priceHedge  = 10            // if the server asked first is slow
	priceRescue = 2             // if it has said nothing at all since, or has not come to the query
	rescueShare = budgetMax / 2 // what hedges must leave for rescues
)

func (b *budget) earn() {
	if b.tenths.Load() < budgetMax {
		b.tenths.Add(1)
	}
}

// spend takes price out of the budget if at least keep is left after that.
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

// pace follows the median time of an answer. If a tenth of the answers takes seconds, that does
// not move it. If the server is far away, some dozens of queries do.
type pace struct {
	median atomic.Int64
}

// observe takes in how long one answer took. Two at the same time may count as one.
func (p *pace) observe(took time.Duration) {
	m := p.median.Load()
	step := m>>4 + int64(time.Microsecond)
	if int64(took) < m {
		step = -step
	}
	p.median.Store(m + step)
}

// delay returns how long to wait for an answer before another server is asked: three times the
// median, within least and most.
func (p *pace) delay(least, most time.Duration) time.Duration {
	return max(least, min(3*time.Duration(p.median.Load()), most))
}

// hedge asks once more, if the budget allows it.
func (e *exchange) hedge(now time.Duration) {
	if e.set.check { // ask only once
		e.hedgeAt = e.began + e.forward.conf.Timeout
		return
	}
	delay, budget := e.forward.delay(e.call.scope), &e.forward.budgets[e.call.scope]
	if e.checkSilent() {
		e.hedgeAt = now + delay/8 // a live server answers the check at once
		return
	}
	later := now + max(delay/4, (now-e.began)/2) // so a slow query comes here some ten times in all
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

// checkSilent begins a health check of each server that was asked over a connection and has said
// nothing since, unless it had one. It reports whether it began any.
func (e *exchange) checkSilent() (began bool) {
	for _, a := range e.waitingAsks() {
		if !a.udp && !a.server.heardSince(a.at) {
			began = a.server.checkOnce(a.at) || began
		}
	}
	return began
}

// price returns what a hedge costs, and what the budget must have left after it. It is a cheap
// rescue if this query is not what keeps any of the servers busy: the server has fallen silent
// altogether, or may not have come to the query yet.
func (e *exchange) price() (price, keep int64) {
	for _, a := range e.waitingAsks() {
		if a.server.heardSince(a.at) && !a.by.held(a.id) {
			return priceHedge, rescueShare
		}
	}
	return priceRescue, 0
}

// mayCopy reports whether a query that blocks one connection may be sent on another one as well.
// It may block that just as long if servers answer in order. So only one query of a scope may do
// so at a time, and only once in a ReadTimeout.
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
