package upstream

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Shares divides among all Forwards what one of them alone would have: the connections to a
// server, and the sockets for UDP. The zero value is ready.
type Shares struct {
	// Queries (2,048) is how many queries may be under way over UDP. The number of sockets may
	// exceed that by a quarter. Half of these are for queries that are asked twice. The other
	// half are orphans: nobody waits for their answers any more, which only show whether the
	// server is alive. Queries must not change once a Forward has the Shares.
	Queries int

	sockets, orphans atomic.Int64

	mu    sync.Mutex
	taken map[netip.AddrPort]int // connections to a server; a Forward without any counts as one
}

// join takes a connection to a server for a Forward that has none yet.
func (s *Shares) join(server netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[netip.AddrPort]int{}
	}
	s.taken[server]++
}

// leave gives back all that a Forward with so many connections has taken.
func (s *Shares) leave(server netip.AddrPort, conns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[server] -= max(conns, 1); s.taken[server] == 0 {
		delete(s.taken, server)
	}
}

// take takes one more connection for a Forward that has conns of them, and reports whether it
// may. All Forwards together have most, but each may have one.
func (s *Shares) take(server netip.AddrPort, conns, most int) bool {
	if conns == 0 {
		return true // join has taken it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[server] >= most {
		return false
	}
	s.taken[server]++
	return true
}

// give gives back one of the conns connections that a Forward has. It keeps the last.
func (s *Shares) give(server netip.AddrPort, conns int) {
	if conns > 1 {
		s.leave(server, 1)
	}
}

// queries returns Queries or its default.
func (s *Shares) queries() int64 {
	if s.Queries > 0 {
		return int64(s.Queries)
	}
	return 2048
}

// extra returns how many sockets there may be for queries that are asked twice, and how many
// orphans.
func (s *Shares) extra() int64 { return s.queries() / 8 }

// room returns how many sockets may be open at a time.
func (s *Shares) room() int64 { return s.queries() + 2*s.extra() }

// takeSocket takes a socket for a query, and reports whether there was one.
func (s *Shares) takeSocket() bool {
	if s.sockets.Add(1) <= s.room() {
		return true
	}
	s.sockets.Add(-1)
	return false
}

// giveSocket gives back a socket, and tells whether it was an orphan.
func (s *Shares) giveSocket(orphan bool) {
	s.sockets.Add(-1)
	if orphan {
		s.orphans.Add(-1)
	}
}

// orphan reports whether a socket may stay open although nobody waits for its answer any more.
func (s *Shares) orphan() bool {
	if s.orphans.Add(1) <= s.extra() {
		return true
	}
	s.orphans.Add(-1)
	return false
}

// spare reports whether there are sockets left to ask a query twice. Asking the same server again
// helps only if a packet was lost, so few sockets are meant for that: a server that is slow with
// many names must not be asked for all of them again.
func (s *Shares) spare(same bool) bool {
	most := s.queries() + s.extra()
	if same {
		most = s.extra()
	}
	return s.sockets.Load() < most
}
