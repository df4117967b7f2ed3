package hard

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
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
	moreFiles(t)
	s := newSiege(t)
	conns := make([][]net.Conn, idlers)
	var group sync.WaitGroup
	began := time.Now()
	for i := range conns {
		group.Go(func() { conns[i] = openIdle(t, s.addr, netip.AddrFrom4([4]byte{127, 0, 5, byte(1 + i)}), idle/idlers) })
	}
	group.Wait()
	opened := time.Since(began)
	open := s.Scrape().Sum("nodecache_tcp_connections")
	t.Logf("%d connections opened in %v: %v are open, with %v", idle, opened, open, s.use())
	if open < idle*9/10 {
		t.Errorf("%v connections are open, expected some %d", open, idle)
	}
	greedy := openIdle(t, s.addr, netip.AddrFrom4([4]byte{127, 0, 5, 200}), 2*perClient)
	if got := stillOpen(greedy); got > perClient+8 || got < perClient/2 {
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

// openIdle opens connections. Every second one asks once.
func openIdle(t *testing.T, to netip.AddrPort, from netip.Addr, n int) (conns []net.Conn) {
	q := frame(query("hit.others.test.", wire.A))
	for i := range n {
		c, err := client{"tcp", from}.dial(to)
		if err != nil {
			t.Errorf("connection %d of %v: %v", i, from, err)
			return conns
		}
		conns = append(conns, c)
		if i%2 == 0 {
			continue
		}
		if _, err := c.Write(q); err != nil {
			t.Errorf("connection %d of %v: %v", i, from, err)
		}
	}
	return conns
}

// stillOpen returns how many connections the other end has not closed.
func stillOpen(conns []net.Conn) (n int) {
	var group sync.WaitGroup
	open := make([]bool, len(conns))
	for i, c := range conns {
		group.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			var buf [4096]byte
			var err error
			for err == nil {
				_, err = c.Read(buf[:])
			}
			e, ok := err.(net.Error)
			open[i] = ok && e.Timeout()
		})
	}
	group.Wait()
	for _, o := range open {
		if o {
			n++
		}
	}
	return n
}

// moreFiles lets this process and its children open enough files.
func moreFiles(t *testing.T) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur, limit.Max = max(limit.Cur, files), max(limit.Max, files)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("%d files: %v (ulimit -Hn must allow it, or the test run as root)", files, err)
	}
}
