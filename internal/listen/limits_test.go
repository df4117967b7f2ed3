package listen

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// isOpen reports whether the server still answers on c.
func isOpen(c net.Conn) bool {
	c.Write(frame("open?"))
	_, err := readFrame(c)
	return err == nil
}

// TestTCPIdle closes connections that ask nothing, and those that never finish a message
// or never read.
func TestTCPIdle(t *testing.T) {
	r := start(t, Config{TCP: Limits{Idle: 300 * time.Millisecond, Stall: 600 * time.Millisecond}}, echo, "127.0.0.1:0")
	begin := time.Now()
	idle, half := dial(t, "tcp", r.Addrs()[0]), dial(t, "tcp", r.Addrs()[0])
	go func() { // an octet now and then is no progress
		for range 100 {
			half.Write([]byte{200})
			time.Sleep(20 * time.Millisecond)
		}
	}()
	idle.Read(make([]byte, 1))
	if d := time.Since(begin); d < 250*time.Millisecond || d > 2*time.Second {
		t.Errorf("idle connection closed after %v", d)
	}
	half.Read(make([]byte, 1))
	if d := time.Since(begin); d < 550*time.Millisecond || d > 3*time.Second {
		t.Errorf("connection with half a message closed after %v", d)
	}
	until(t, "counters", func() bool { s := r.TCP(); return s.Expired == 2 && s.Open == 0 && s.Buffered == 0 })
}

// TestTCPSlowReader sends queries and reads no answers. What is kept for the client stays
// bounded, here and in the kernel, others are served, and in the end it is closed.
func TestTCPSlowReader(t *testing.T) {
	r := start(t, Config{TCP: Limits{Stall: 500 * time.Millisecond}}, echo, "127.0.0.1:0")
	slow, good := dial(t, "tcp", r.Addrs()[0]), dial(t, "tcp", r.Addrs()[0])
	slow.(*net.TCPConn).SetReadBuffer(64 << 10)
	slow.(*net.TCPConn).SetWriteBuffer(64 << 10)
	var written atomic.Int64
	go func() {
		for query := frame(string(make([]byte, 8000))); ; {
			n, err := slow.Write(query)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	most := 0
	until(t, "closed", func() bool {
		most = max(most, r.TCP().Buffered)
		if !isOpen(good) {
			t.Fatal("the other connection is closed")
		}
		return r.TCP().Open == 1
	})
	if most == 0 || most > 300<<10 {
		t.Errorf("%d octets kept", most)
	}
	if n := written.Load(); n > 1<<20 {
		t.Errorf("%d octets taken from a client that reads nothing", n)
	} else {
		t.Logf("%d octets taken, at most %d kept", n, most)
	}
}

// TestTCPSlowReaderLate is the same with late answers.
func TestTCPSlowReaderLate(t *testing.T) {
	var h holder
	r := start(t, Config{TCP: Limits{Idle: time.Second, Buffers: 1 << 20}}, h.handle, "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	for range 200 {
		c.Write(frame("query"))
	}
	for _, later := range h.take(t, 200) {
		later.Send(make([]byte, 60000))
		if n := r.TCP().Buffered; n > 400<<10 {
			t.Fatalf("%d octets kept", n)
		}
	}
	until(t, "closed", func() bool { s := r.TCP(); return s.Open == 0 && s.Buffered == 0 && s.Waiting == 0 })
}

// TestTCPBuffers has more half messages sent than the front keeps.
func TestTCPBuffers(t *testing.T) {
	r := start(t, Config{TCP: Limits{Buffers: 512 << 10, Stall: time.Minute}}, echo, "127.0.0.1:0")
	half := frame(string(make([]byte, 65535)))[:60000]
	for range 30 {
		dial(t, "tcp", r.Addrs()[0]).Write(half)
	}
	until(t, "evicted", func() bool { s := r.TCP(); return s.Accepted == 30 && s.Open == 8 && s.Evicted == 22 })
	if n := r.TCP().Buffered; n > 512<<10 {
		t.Errorf("%d octets kept", n)
	}
}

// TestTCPHoarder has one client send 1,200 halves of messages. It is not those who write slowly
// that are closed, of whatever client, though they have stalled longest.
func TestTCPHoarder(t *testing.T) {
	r := start(t, Config{TCP: Limits{PerClient: 1201, Stall: time.Minute}}, echo, "127.0.0.1:0")
	message := frame("slowly")
	slow := []net.Conn{streamFrom(t, "127.0.0.8", r.Addrs()[0]), streamFrom(t, "127.0.0.9", r.Addrs()[0])}
	for _, c := range slow {
		c.Write(message[:4])
	}
	until(t, "slow writers", func() bool { return r.TCP().Buffered == 8 })
	half := frame(string(make([]byte, 65535)))[:60000]
	for range 1200 {
		streamFrom(t, "127.0.0.9", r.Addrs()[0]).Write(half)
	}
	until(t, "evicted", func() bool { s := r.TCP(); return s.Evicted >= 900 && s.Buffered <= 16<<20 })
	for i, c := range slow {
		c.Write(message[4:])
		if _, err := readFrame(c); err != nil {
			t.Errorf("slow writer %d: %v", i, err)
		}
	}
}

// streamFrom is dial over TCP, from an address of the client's own.
func streamFrom(t testing.TB, client string, to netip.AddrPort) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// TestTCPCaps opens more connections than one client may have, and then more than all may.
// The idlest goes: not the one that has asked, and none of another client for one's excess.
func TestTCPCaps(t *testing.T) {
	r := start(t, Config{TCP: Limits{Conns: 6, PerClient: 3}}, echo, "127.0.0.1:0")
	from := func(client string) net.Conn {
		c := streamFrom(t, client, r.Addrs()[0])
		if !isOpen(c) {
			t.Fatal("closed at once")
		}
		return c
	}
	other := from("127.0.0.8")
	var mine []net.Conn
	for range 3 {
		mine = append(mine, from("127.0.0.9"))
	}
	isOpen(mine[0]) // so mine[1] is the idlest
	mine = append(mine, from("127.0.0.9"))
	for i, want := range []bool{true, false, true, true} {
		if isOpen(mine[i]) != want {
			t.Errorf("connection %d: open is not %v", i, want)
		}
	}
	if !isOpen(other) {
		t.Error("the other client's connection is closed")
	}
	// The four that are left, and three more: mine[0], now the idlest of all, goes.
	for _, client := range []string{"127.0.0.10", "127.0.0.11", "127.0.0.12"} {
		from(client)
	}
	if isOpen(mine[0]) || !isOpen(mine[2]) || !isOpen(other) {
		t.Error("not the idlest was closed")
	}
	if s := r.TCP(); s.Open != 6 || s.Evicted != 2 {
		t.Errorf("%+v", s)
	}
}

// TestTCPKeep keeps no long buffer for a short rest.
func TestTCPKeep(t *testing.T) {
	c := &conn{server: &tcpServer{limits: Limits{Total: new(Total)}}, peer: &peer{}}
	for _, n := range []int{100, 60000, 1, 40000, 20000, 9000, 0} {
		c.keep(make([]byte, n))
		if len(c.in) != n || cap(c.in) > 4*n+16 {
			t.Errorf("%d octets kept in %d", n, cap(c.in))
		}
		if kept := c.server.count.buffered.Load(); kept != int64(n) {
			t.Errorf("%d octets counted as %d", n, kept)
		}
	}
}

// TestQueue does at random what a slice does.
func TestQueue(t *testing.T) {
	q := queue{kind: byPeer}
	s := &tcpServer{}
	var list []*conn
	for i := range 2000 {
		if len(list) > 0 && i%3 == 0 {
			k := (i * 7919) % len(list)
			q.remove(list[k])
			list = append(list[:k:k], list[k+1:]...)
		} else {
			c := &conn{server: s, remote: netip.AddrPort{}}
			q.push(c)
			list = append(list, c)
		}
		k := 0
		for c := q.first; c != nil; c = c.links[byPeer].next {
			if k == len(list) || list[k] != c {
				t.Fatalf("step %d: place %d differs", i, k)
			}
			k++
		}
		if k != len(list) || len(list) > 0 && q.last != list[len(list)-1] {
			t.Fatalf("step %d: %d connections, want %d", i, k, len(list))
		}
	}
}

// TestTCPUnsent has clients ask for more than they read. The kernel would keep it for them: only
// so much in all, at once and later, and who reads is served.
func TestTCPUnsent(t *testing.T) {
	const most = 512 << 10
	total := new(Total)
	long := func(dst, _ []byte, _ *Client) []byte { return append(dst, make([]byte, 30000)...) }
	late := func(_, _ []byte, c *Client) []byte {
		go c.Later().Send(make([]byte, 30000))
		return nil
	}
	for name, h := range map[string]Handler{"at once": long, "late": late} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Config{TCP: Limits{Unsent: most, Total: total}}, h, "127.0.0.1:0")
			good := streamFrom(t, "127.0.0.9", r.Addrs()[0])
			for range 60 {
				c := streamFrom(t, "127.0.0.8", r.Addrs()[0])
				c.(*net.TCPConn).SetReadBuffer(4096)
				c.Write(frame("one"))
				c.Write(frame("two"))
				if !isOpen(good) {
					t.Fatal("the other connection is closed")
				}
			}
			until(t, "room is made", func() bool { return r.TCP().Evicted > 20 && total.unsent.Load() <= most })
			until(t, "some may stay", func() bool { return r.TCP().Open > 3 })
		})
	}
	if n := total.conns.Load() + total.buffered.Load() + total.unsent.Load(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestTCPTotal has two Fronts keep no more connections than one may.
func TestTCPTotal(t *testing.T) {
	limits := Limits{Conns: 6, Total: new(Total)}
	a := start(t, Config{TCP: limits}, echo, "127.0.0.1:0")
	b := start(t, Config{TCP: limits}, echo, "127.0.0.1:0")
	for i := range 12 {
		f := []*running{a, b}[i%2]
		c := dial(t, "tcp", f.Addrs()[0])
		if !isOpen(c) {
			t.Fatal("closed at once")
		}
	}
	until(t, "evicted", func() bool { return a.TCP().Open+b.TCP().Open == 6 })
}
