package resolve

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Bounds of what is asked upstream at a time. A flight takes some 12 kB, so that a flood of
// names that nobody knows can't take more memory than a full cache does.
const (
	maxFlights = 2048
	maxWaiters = 16384
	// maxPerClient leaves room for others while one client asks all it can. Pods on the
	// host's network count as one.
	maxPerClient = maxFlights / 4
)

// limits counts what is under way.
type limits struct {
	flights atomic.Int64

	mu      sync.Mutex
	waiters int
	clients map[netip.Addr]int // waiters of each client that has any
}

func (l *limits) init() { l.clients = map[netip.Addr]int{} }

// enter admits a waiter of a client, or reports false.
func (l *limits) enter(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.clients[client]
	if l.waiters >= maxWaiters || n >= maxPerClient {
		return false
	}
	l.waiters++
	l.clients[client] = n + 1
	return true
}

// leave takes back what enter admitted.
func (l *limits) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiters--
	if n := l.clients[client] - 1; n > 0 {
		l.clients[client] = n
	} else {
		delete(l.clients, client)
	}
}

// takeOff admits a flight, or reports false.
func (l *limits) takeOff() bool {
	if l.flights.Add(1) <= maxFlights {
		return true
	}
	l.flights.Add(-1)
	return false
}

func (l *limits) land() { l.flights.Add(-1) }
