package upstream

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Shares has the Forwards that ask a server share the connections that one of them alone would
// have, and all Forwards the sockets of UDP. The zero value is ready.
type Shares struct {
	// Queries (2,048) is how many queries may be under way over UDP. A quarter more sockets
	// than that may be open: half of those for queries that are asked twice, half for servers
	// of which nothing more is wanted but to know whether they answer. It must not change once
	// a Forward has it.
	Queries int

	sockets, orphans atomic.Int64

	mu    sync.Mutex
	taken map[netip.AddrPort]int // of a server's connections; a Forward without any has taken one
}

// join takes a connection of a server for a Forward that has none yet.
func (s *Shares) join(server netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[netip.AddrPort]int{}
	}
	s.taken[server]++
}

// leave gives back what a Forward with so many connections has taken.
func (s *Shares) leave(server netip.AddrPort, conns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[server] -= max(conns, 1); s.taken[server] == 0 {
		delete(s.taken, server)
	}
}

// take takes one more connection for a Forward that has so many, and reports whether it may: all
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

// give gives one connection back of so many that a Forward has. It keeps the last.
func (s *Shares) give(server netip.AddrPort, conns int) {
	if conns > 1 {
		s.leave(server, 1)
	}
}

// queries returns Queries, or what stands for 0.
func (s *Shares) queries() int64 {
	if s.Queries > 0 {
		return int64(s.Queries)
	}
	return 2048
}

// room returns how many sockets may be open at a time.
func (s *Shares) room() int64 { return s.queries() + s.queries()/4 }

// takeSocket takes a socket for a query, and reports whether there was one.
func (s *Shares) takeSocket() bool {
	if s.sockets.Add(1) <= s.room() {
		return true
	}
	s.sockets.Add(-1)
	return false
}

// giveSocket gives a socket back, which was an orphan or not.
func (s *Shares) giveSocket(orphan bool) {
	s.sockets.Add(-1)
	if orphan {
		s.orphans.Add(-1)
	}
}

// orphan reports whether a socket may stay open whose query wants no answer any more.
func (s *Shares) orphan() bool {
	if s.orphans.Add(1) <= s.queries()/8 {
		return true
	}
	s.orphans.Add(-1)
	return false
}

// spare reports whether sockets are left for asking twice what is under way. That the same
// server is asked again helps only where a packet was lost, so little will do for that: a server
// that is slow with many names is not to be asked for all of them again.
func (s *Shares) spare(same bool) bool {
	most := s.queries() + s.queries()/8
	if same {
		most = s.queries() / 8
	}
	return s.sockets.Load() < most
}
