package upstream

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Shares counts the Pools that ask a server, by its address. They share the connections that
// one of them alone would have. The zero value is ready.
type Shares struct {
	mu    sync.Mutex
	pools map[netip.AddrPort]*atomic.Int32
}

// join counts one more for addr, and returns how many there are, now and later.
func (s *Shares) join(addr netip.AddrPort) *atomic.Int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.pools[addr]
	if n == nil {
		if s.pools == nil {
			s.pools = map[netip.AddrPort]*atomic.Int32{}
		}
		n = new(atomic.Int32)
		s.pools[addr] = n
	}
	n.Add(1)
	return n
}

// leave takes back a join.
func (s *Shares) leave(addr netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pools[addr].Add(-1) == 0 {
		delete(s.pools, addr)
	}
}

// maxConns returns how many connections the server may have: its share, but one for each
// lane at least.
func (s *server) maxConns() int {
	c := &s.pool.conf
	least := 1
	if c.Reserve > 0 {
		least = int(lanes)
	}
	return min(c.MaxConns, max(least, c.MaxConns/int(s.sharers.Load())))
}
