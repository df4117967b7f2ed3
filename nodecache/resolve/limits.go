package resolve

import (
	"net/netip"
	"sync"
)

// Limits bound what is under way upstream at a time. Zero values take the defaults in parentheses.
type Limits struct {
	Flights int // (2,048) questions that upstream is asked
	Waiters int // (16,384) queries that wait for the answers
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

// limits counts what is under way. A client may have half as much as is left. So a single client gets
// a third of everything, and eight get a tenth each. However much the others ask for, something is left
// for the next client. Pods on the host's network count as one client. So do all flights for the cache
// alone.
type limits struct {
	Limits

	mu      sync.Mutex
	all     load
	clients map[netip.Addr]load // of clients that have something under way
}

// load is what a client, or all of them, has under way.
type load struct{ flights, waiters int }

// nobody is the client of flights for the cache alone.
var nobody netip.Addr

func (l *limits) init(most Limits) {
	l.Limits = most.withDefaults()
	l.clients = map[netip.Addr]load{}
}

// share reports whether a client that has n of something may have one more. All clients together have
// all, of at most most.
func share(n, all, most int) bool { return all < most && n <= (most-all-1)/2 }

// enter admits more for a client: a waiter, a flight, or both. It reports false if that is too much.
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

// leave gives back what enter admitted, or a part of it.
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
