package listen

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// TestLeaveQueued answers what was queued before leaving began, and late.
func TestLeaveQueued(t *testing.T) {
	const count = 300
	f := open(t, Config{Sockets: 1, Drain: testkit.Patience}, "127.0.0.1:0")
	udp, tcp := dial(t, "udp", f.Addrs()[0]), dial(t, "tcp", f.Addrs()[0])
	udp.(*net.UDPConn).SetReadBuffer(4 << 20) // the answers come all at once
	for range count {
		udp.Write([]byte("query"))
		tcp.Write(frame("query"))
	}
	r := serve(t, f, delayed(200*time.Millisecond))
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	for range count {
		if _, err := udp.Read(make([]byte, 512)); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := io.ReadAll(tcp); err != nil || len(all) != count*len(frame("query")) {
		t.Errorf("%d bytes over TCP, %v", len(all), err)
	}
}

// TestLeaveUnanswered leaves although answers do not come, and says so.
func TestLeaveUnanswered(t *testing.T) {
	var h holder
	r := start(t, Config{Drain: 300 * time.Millisecond}, h.handle, "127.0.0.1:0")
	dial(t, "udp", r.Addrs()[0]).Write([]byte("query"))
	dial(t, "tcp", r.Addrs()[0]).Write(frame("query"))
	held := h.take(t, 2)
	if err := r.stop(); err == nil {
		t.Error("no error")
	}
	for _, later := range held {
		later.Send([]byte("too late")) // must find the sockets closed
	}
}

// TestLeaveBacklog says how many queries of a backlog were left when time was up.
func TestLeaveBacklog(t *testing.T) {
	const count = 2 * batchSize
	f := open(t, Config{Sockets: 1, Drain: 400 * time.Millisecond}, "127.0.0.1:0")
	c := dial(t, "udp", f.Addrs()[0])
	for range count {
		c.Write([]byte("query"))
	}
	var asked counter
	r := serve(t, f, asked.of(func(dst, query []byte, _ *Client) []byte {
		time.Sleep(5 * time.Millisecond) // so slow that time is up before the last
		return append(dst, query...)
	}))
	err := r.stop()
	if n := r.counts().UDP.Waiting; err == nil || n == 0 || int(asked.udp.Load())+n != count {
		t.Errorf("%v, %d asked and %d waiting", err, asked.udp.Load(), n)
	}
}

// TestLeaveConns lets open connections finish. It closes our side of the idle one first. It serves
// the busy one, and tells the handler that it is leaving, until shortly before the deadline.
func TestLeaveConns(t *testing.T) {
	var leaving atomic.Bool
	r := start(t, Config{Drain: 3 * time.Second}, func(dst, query []byte, c *Client) []byte {
		leaving.Store(c.Leaving)
		return append(dst, query...)
	}, "127.0.0.1:0")
	idle, busy := dial(t, "tcp", r.Addrs()[0]), dial(t, "tcp", r.Addrs()[0])
	isOpen(idle)
	isOpen(busy)
	var served time.Duration
	begin, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		for isOpen(busy) {
			served = time.Since(begin)
			time.Sleep(time.Millisecond) // the pace of a busy client
		}
		busy.Close()
	}()
	r.cancel()
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("idle connection: %v", err)
	}
	first := time.Since(begin)
	idle.Close()
	if <-done; served < 1900*time.Millisecond || served < first || !leaving.Load() {
		t.Errorf("busy connection served for %v, idle one for %v; leaving %v", served, first, leaving.Load())
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// TestLeaveGroup shows that sockets which leave keep what they have, and get nothing more.
func TestLeaveGroup(t *testing.T) {
	for listen, asked := range map[string]string{
		"127.0.0.1:0": "127.0.0.1", "[::1]:0": "::1", "0.0.0.0:0": "127.0.0.1", "[::]:0": "::1",
	} {
		leaveGroup(t, Config{UDPOnly: true}, listen, asked)
	}
}

// leaveGroup has the sockets of a Front leave while another has the same address. Clients ask it at
// each of the addresses asked.
func leaveGroup(t *testing.T, cfg Config, listen string, asked ...string) {
	t.Helper()
	old := open(t, cfg, listen)
	addr := old.Addrs()[0]
	clients := sendEach(t, asked, addr.Port(), "before")
	count := len(clients)
	fresh := open(t, cfg, addr.String())
	for _, s := range old.udp {
		s.leave(time.Now().Add(testkit.Patience))
	}
	clients = append(clients, sendEach(t, asked, addr.Port(), "after")...)

	var olds, freshs counter
	r := serve(t, fresh, freshs.of(echo))
	testkit.Eventually(t, "queries", func() bool { return freshs.udp.Load() == int64(count) })
	if err := serve(t, old, olds.of(echo)).stop(); err != nil {
		t.Errorf("%s: %v", listen, err)
	}
	for i, c := range clients {
		want := "before"
		if i >= count {
			want = "after"
		}
		buf := make([]byte, 512)
		if n, err := c.Read(buf); string(buf[:n]) != want {
			t.Errorf("%s: client %d: answer %q, want %q; %v", listen, i, buf[:n], want, err)
		}
	}
	r.stop()
	if n, m := olds.udp.Load(), freshs.udp.Load(); n != int64(count) || m != int64(count) {
		t.Errorf("%s: %d and %d queries, want %d each", listen, n, m, count)
	}
}

// sendEach sends message to each address from 50 ports.
func sendEach(t *testing.T, to []string, port uint16, message string) (clients []net.Conn) {
	t.Helper()
	for _, addr := range to {
		for range 50 {
			c := dial(t, "udp", netip.AddrPortFrom(netip.MustParseAddr(addr), port))
			c.Write([]byte(message))
			clients = append(clients, c)
		}
	}
	return clients
}

// greedy asks all it can on one connection, and never leaves the reader with nothing to do.
func greedy(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	c := dial(t, "tcp", addr)
	queries := make([]byte, 0, 64<<10)
	for len(queries) < 60<<10 {
		queries = append(queries, frame("query")...)
	}
	done := make(chan struct{}, 2)
	go func() { io.Copy(io.Discard, c); done <- struct{}{} }()
	go func() {
		for err := error(nil); err == nil; {
			_, err = c.Write(queries)
		}
		done <- struct{}{}
	}()
	t.Cleanup(func() { c.Close(); <-done; <-done })
}

// TestGreedyLeave leaves in bounded time though a client keeps the reader busy.
func TestGreedyLeave(t *testing.T) {
	var asked counter
	r := start(t, Config{Drain: 500 * time.Millisecond}, asked.of(hit), "127.0.0.1:0")
	for range 4 {
		greedy(t, r.Addrs()[0])
	}
	testkit.Eventually(t, "queries", func() bool { return asked.tcp.Load() > 10000 })
	begin := time.Now()
	r.stop()
	if d := time.Since(begin); d > testkit.Patience {
		t.Errorf("took %v", d)
	}
}
