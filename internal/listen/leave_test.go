package listen

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// TestLeaveQueued answers what was queued before leaving began, and late.
func TestLeaveQueued(t *testing.T) {
	const count = 300
	f := open(t, Config{Sockets: 1}, "127.0.0.1:0")
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
		t.Errorf("%d octets over TCP, %v", len(all), err)
	}
}

// TestLeaveUnanswered leaves in bounded time when answers don't come, and says so.
func TestLeaveUnanswered(t *testing.T) {
	var h holder
	r := start(t, Config{Drain: 300 * time.Millisecond}, h.handle, "127.0.0.1:0")
	dial(t, "udp", r.Addrs()[0]).Write([]byte("query"))
	dial(t, "tcp", r.Addrs()[0]).Write(frame("query"))
	held := h.take(t, 2)
	begin := time.Now()
	if err := r.stop(); err == nil {
		t.Error("no error")
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("took %v", d)
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
	r := serve(t, f, func(dst, query []byte, _ *Client) []byte {
		time.Sleep(5 * time.Millisecond)
		return append(dst, query...)
	})
	err := r.stop()
	if s := r.UDP()[0]; err == nil || s.Waiting == 0 || int(s.Queries)+s.Waiting != count {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestLeaveConns lets open connections finish: the idle one is told to close, the busy one
// is served, and told so, until shortly before the deadline.
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
			time.Sleep(time.Millisecond)
		}
		busy.Close()
	}()
	r.cancel()
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF || time.Since(begin) > 2*time.Second {
		t.Errorf("idle connection: %v after %v", err, time.Since(begin))
	}
	idle.Close()
	if <-done; served < 1900*time.Millisecond || !leaving.Load() {
		t.Errorf("busy connection served for %v; leaving %v", served, leaving.Load())
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// TestLeaveGroup shows that sockets which leave keep what they have, and get nothing more.
func TestLeaveGroup(t *testing.T) {
	const count = 50
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		old := open(t, Config{UDPOnly: true}, listen)
		addr := old.Addrs()[0]
		clients := sendEach(t, addr, "before", count)
		fresh := open(t, Config{UDPOnly: true}, addr.String())
		for _, s := range old.udp {
			s.leave(time.Now().Add(5 * time.Second))
		}
		clients = append(clients, sendEach(t, addr, "after", count)...)

		r := serve(t, fresh, echo)
		until(t, "answers", func() bool { return answers(fresh) == count })
		if err := serve(t, old, echo).stop(); err != nil {
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
		if n, m := answers(old), answers(fresh); n != count || m != count {
			t.Errorf("%s: %d and %d answers, want %d each", listen, n, m, count)
		}
	}
}

// sendEach sends message from count ports.
func sendEach(t *testing.T, to netip.AddrPort, message string, count int) (clients []net.Conn) {
	t.Helper()
	for range count {
		c := dial(t, "udp", reach(to))
		c.Write([]byte(message))
		clients = append(clients, c)
	}
	return clients
}

// answers returns how many answers the UDP sockets of f have sent.
func answers(f *Front) (n uint64) {
	for _, s := range f.UDP() {
		n += s.Answers
	}
	return n
}
