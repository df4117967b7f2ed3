package resolve

import (
	"net/netip"
	"sync"
)

// Limits bound what is asked upstream at a time. Zero values take the defaults in parentheses.
type Limits struct {
	Flights int // (2,048) names asked for at a time
	Waiters int // (16,384) queries that wait for them
}

func (l Limits) withDefaults() Limits {
	if l.Flights <= 0 {
		l.Flights = 2048
	}
	if l.Waiters <= 0 {
		l.Waiters = 16384
	}
	return l
}

// limits counts what is under way. A client may have half as much as is left: one alone comes
// to a third of all, eight to a tenth each, and there is always something left for the next,
// whoever asks all he can. Pods on the host's network count as one client, and so does all that
// is asked for the cache alone.
type limits struct {
	Limits

	mu      sync.Mutex
	all     load
	clients map[netip.Addr]load // of each client that has any
}

// load is what a client, or all of them, has under way.
type load struct{ flights, waiters int }

// nobody is the client for whom the cache is refreshed.
var nobody netip.Addr

func (l *limits) init(most Limits) {
	l.Limits = most.withDefaults()
	l.clients = map[netip.Addr]load{}
}

// share reports whether a client that has n of something may have one more, of which there are
// most and all have so many.
func share(n, all, most int) bool { return all < most && n <= (most-all-1)/2 }

// enter admits a waiter of a client, or a flight that it starts, or both, or reports false.
func (l *limits) enter(client netip.Addr, more load) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	has := l.clients[client]
	if more.waiters > 0 && !share(has.waiters, l.all.waiters, l.Waiters) || more.flights > 0 && !share(has.flights, l.all.flights, l.Flights) {
		return false
	}
	l.clients[client] = has.plus(more)
	l.all = l.all.plus(more)
	return true
}

// leave takes back what enter admitted, or a part of it.
func (l *limits) leave(client netip.Addr, less load) {
	l.mu.Lock()
	defer l.mu.Unlock()
	less = load{-less.flights, -less.waiters}
	l.all = l.all.plus(less)
	if has := l.clients[client].plus(less); has != (load{}) {
		l.clients[client] = has
	} else {
		delete(l.clients, client)
	}
}

func (a load) plus(b load) load { return load{a.flights + b.flights, a.waiters + b.waiters} }
