package hard

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/hostile"
)

// The flood of names.
const (
	names    = 100_000
	flooders = 8
	window   = 50 // queries of a flooder that wait at a time
)

// TestFlood asks for new names as fast as they are answered. The cache keeps only what it has room
// for: once it is full, a second flood takes no more memory.
func TestFlood(t *testing.T) {
	s := newSiege(t)
	s.flood(1)
	entries, full := s.Scrape().Sum("coredns_cache_entries"), s.use()
	s.flood(2)
	t.Logf("%v entries in the cache, with %v; after the second flood %v", entries, full, s.use())
	if entries < 9000 || entries > 2*9984*1.02 {
		t.Errorf("%v entries in the cache, which is to hold 9,984 of each kind", entries)
	}
	s.end(full.resident + 16)
}

// flood asks for the names of a round. Most of them must be answered.
func (s *siege) flood(round int) {
	s.t.Helper()
	began := time.Now()
	var answered atomic.Int64
	var group sync.WaitGroup
	for i := range flooders {
		group.Go(func() { answered.Add(flood(s.t, s.addr, round, i)) })
	}
	group.Wait()
	s.t.Logf("%d names in %v, %d of them answered", names, time.Since(began), answered.Load())
	if n := answered.Load(); n < names/2 {
		s.t.Errorf("%d of %d names were answered, so that the cache may not be full", n, names)
	}
}

// flood asks for a flooder's share of the names, and returns how many were answered.
func flood(t *testing.T, to netip.AddrPort, round, i int) (answered int64) {
	c, err := client{"udp", netip.AddrFrom4([4]byte{127, 0, 7, byte(1 + i)})}.dial(to)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = c.Close() }()
	var buf [1500]byte
	open := 0
	for k := range names / flooders {
		if _, err := c.Write(hostile.Query(fmt.Sprintf("unique-%d-%d-%d.flood.example.org.", round, i, k), wire.A)); err == nil {
			open++
		}
		for open >= window {
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := c.Read(buf[:]); err != nil {
				open = 0 // lost; go on
				break
			}
			open--
			answered++
		}
	}
	return answered
}
