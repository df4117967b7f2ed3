package hostile

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// OpenIdle opens connections. Every second one asks once, for a name.
func OpenIdle(t *testing.T, to netip.AddrPort, from netip.Addr, n int, name string) (conns []net.Conn) {
	q := Frame(Query(name, wire.A))
	for i := range n {
		c, err := Dial("tcp", from, to)
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

// StillOpen returns how many connections the other end has not closed.
func StillOpen(conns []net.Conn) (n int) {
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

// MoreFiles lets this process and its children open so many files.
func MoreFiles(t *testing.T, files uint64) {
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
