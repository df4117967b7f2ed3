package hard

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/hostile"
)

// The idle connections: nearly as many as the node cache accepts, from enough clients.
const (
	idle      = 5000
	idlers    = 50
	perClient = 256 // connections that one client may have
	files     = idle + 2000
	idleLimit = 10 * time.Second
)

// TestIdle opens 5,000 connections that ask once or never. One more client opens more of them than
// it may.
func TestIdle(t *testing.T) {
	hostile.MoreFiles(t, files)
	s := newSiege(t)
	conns := make([][]net.Conn, idlers)
	var group sync.WaitGroup
	began := time.Now()
	for i := range conns {
		group.Go(func() {
			conns[i] = hostile.OpenIdle(t, s.addr, netip.AddrFrom4([4]byte{127, 0, 5, byte(1 + i)}), idle/idlers, "hit.others.test.")
		})
	}
	group.Wait()
	opened := time.Since(began)
	open := s.Scrape().Sum("nodecache_tcp_connections")
	t.Logf("%d connections opened in %v: %v are open, with %v", idle, opened, open, s.use())
	if open < idle*9/10 {
		t.Errorf("%v connections are open, expected some %d", open, idle)
	}
	greedy := hostile.OpenIdle(t, s.addr, netip.AddrFrom4([4]byte{127, 0, 5, 200}), 2*perClient, "hit.others.test.")
	if got := hostile.StillOpen(greedy); got > perClient+8 || got < perClient/2 {
		t.Errorf("%d of the connections of one client are open, expected some %d", got, perClient)
	}
	testkit.Eventually(t, "idle connections are closed", func() bool {
		return s.Scrape().Sum("nodecache_tcp_connections") < 20
	})
	if since := time.Since(began); since < idleLimit/2 {
		t.Errorf("they were closed within %v, expected %v", since, idleLimit)
	}
	for _, list := range append(conns, greedy) {
		for _, c := range list {
			_ = c.Close()
		}
	}
	s.end(s.before.resident + 64)
}
