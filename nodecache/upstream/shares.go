package upstream

import (
	"net/netip"
	"sync"
)

// Shares has the Pools that ask a server share the connections that one of them alone would
// have. The zero value is ready.
type Shares struct {
	mu    sync.Mutex
	taken map[netip.AddrPort]int // of a server's connections; a Pool without any has taken one
}

// join takes a connection of a server for a Pool that has none yet.
func (s *Shares) join(server netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[netip.AddrPort]int{}
	}
	s.taken[server]++
}

// leave gives back what a Pool with so many connections has taken.
func (s *Shares) leave(server netip.AddrPort, conns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[server] -= max(conns, 1); s.taken[server] == 0 {
		delete(s.taken, server)
	}
}

// take takes one more connection for a Pool that has so many, and reports whether it may: all
// have most, but each has one.
func (s *Shares) take(server netip.AddrPort, conns, most int) bool {
	if conns == 0 {
		return true // since join
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[server] >= most {
		return false
	}
	s.taken[server]++
	return true
}

// give gives one connection back of so many that a Pool has. It keeps the last.
func (s *Shares) give(server netip.AddrPort, conns int) {
	if conns > 1 {
		s.leave(server, 1)
	}
}
