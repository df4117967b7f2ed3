package listen

import (
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
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
	r := start(t, Config{TCP: Limits{Idle: 300 * time.Millisecond, Read: 600 * time.Millisecond}}, echo, "127.0.0.1:0")
	begin := time.Now()
	idle, half := dial(t, "tcp", r.Addrs()[0]), dial(t, "tcp", r.Addrs()[0])
	go func() { // one byte now and then is no progress
		for err := error(nil); err == nil; time.Sleep(20 * time.Millisecond) {
			_, err = half.Write([]byte{200})
		}
	}()
	idle.Read(make([]byte, 1))
	if d := time.Since(begin); d < 250*time.Millisecond || d > testkit.Patience/2 {
		t.Errorf("idle connection closed after %v", d)
	}
	half.Read(make([]byte, 1))
	if d := time.Since(begin); d < 550*time.Millisecond || d > testkit.Patience/2 {
		t.Errorf("connection with half a message closed after %v", d)
	}
	testkit.Eventually(t, "counters", func() bool { s := r.counts().TCP; return s.Expired == 2 && s.Open == 0 && r.buffered() == 0 })
}

// TestTCPSlowReader sends queries and reads no answers. What is kept for the client stays
// bounded, here and in the kernel, others are served, and in the end it is closed.
func TestTCPSlowReader(t *testing.T) {
	r := start(t, Config{TCP: Limits{Write: 500 * time.Millisecond}}, echo, "127.0.0.1:0")
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
	testkit.Eventually(t, "closed", func() bool {
		most = max(most, r.buffered())
		if !isOpen(good) {
			t.Fatal("the other connection is closed")
		}
		return r.counts().TCP.Open == 1
	})
	if most == 0 || most > 300<<10 {
		t.Errorf("%d bytes kept", most)
	}
	if n := written.Load(); n > 1<<20 {
		t.Errorf("%d bytes taken from a client that reads nothing", n)
	} else {
		t.Logf("%d bytes taken, at most %d kept", n, most)
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
		if n := r.buffered(); n > 400<<10 {
			t.Fatalf("%d bytes kept", n)
		}
	}
	testkit.Eventually(t, "closed", func() bool { s := r.counts().TCP; return s.Open == 0 && r.buffered() == 0 && s.Waiting == 0 })
}

// TestTCPBuffers has more half messages sent than the front keeps.
func TestTCPBuffers(t *testing.T) {
	r := start(t, Config{TCP: Limits{Buffers: 512 << 10, Read: time.Minute}}, echo, "127.0.0.1:0")
	half := frame(string(make([]byte, 65535)))[:60000]
	for range 30 {
		dial(t, "tcp", r.Addrs()[0]).Write(half)
	}
	testkit.Eventually(t, "evicted", func() bool { s := r.counts().TCP; return s.Accepted == 30 && s.Open == 8 && s.Evicted == 22 })
	if n := r.buffered(); n > 512<<10 {
		t.Errorf("%d bytes kept", n)
	}
}

// TestTCPHoarder has one client send 1,200 halves of messages. It is not those who write slowly
// that are closed, of whatever client, though they have stalled longest.
func TestTCPHoarder(t *testing.T) {
	r := start(t, Config{TCP: Limits{PerClient: 1201, Read: time.Minute}}, echo, "127.0.0.1:0")
	message := frame("slowly")
	slow := []net.Conn{streamFrom(t, "127.0.0.8", r.Addrs()[0]), streamFrom(t, "127.0.0.9", r.Addrs()[0])}
	for _, c := range slow {
		c.Write(message[:4])
	}
	testkit.Eventually(t, "slow writers", func() bool { return r.buffered() == 8 })
	half := frame(string(make([]byte, 65535)))[:60000]
	for range 1200 {
		streamFrom(t, "127.0.0.9", r.Addrs()[0]).Write(half)
	}
	testkit.Eventually(t, "evicted", func() bool { s := r.counts().TCP; return s.Evicted >= 900 && r.buffered() <= 16<<20 })
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
	c.SetDeadline(time.Now().Add(testkit.Patience))
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
	if s := r.counts().TCP; s.Open != 6 || s.Evicted != 2 {
		t.Errorf("%+v", s)
	}
}

// TestTCPKeep keeps no long buffer for a short rest.
func TestTCPKeep(t *testing.T) {
	c := &conn{server: &tcpServer{limits: Limits{Total: new(Total)}}, peer: &peer{}}
	for _, n := range []int{100, 60000, 1, 40000, 20000, 9000, 0} {
		c.keep(make([]byte, n))
		if len(c.in) != n || cap(c.in) > 4*n+16 {
			t.Errorf("%d bytes kept in %d", n, cap(c.in))
		}
		if kept := c.server.limits.Total.buffered.Load(); kept != int64(n) {
			t.Errorf("%d bytes counted as %d", n, kept)
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
			testkit.Eventually(t, "room is made", func() bool { return r.counts().TCP.Evicted > 20 && total.unsent.Load() <= most })
			testkit.Eventually(t, "some may stay", func() bool { return r.counts().TCP.Open > 3 })
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
	testkit.Eventually(t, "evicted", func() bool { return a.counts().TCP.Open+b.counts().TCP.Open == 6 })
}

// TestTCPManyIdle holds 10,000 connections from 50 addresses, which the defaults allow and which have
// asked once each. They take little memory. One more is served as ever, and the idlest goes.
func TestTCPManyIdle(t *testing.T) {
	const count = 10000
	allowFiles(t, count+200)
	r := start(t, Config{TCP: Limits{Idle: 1 << 40}}, echo, "127.0.0.1:0")
	before, residentBefore := heap(), resident(t)
	client := startChild(t, "idle", r.Addrs()[0], count)
	if line := client.line(t); line != "connected" {
		t.Fatalf("client: %q", line)
	}
	if s := r.counts().TCP; s.Open != count || s.Evicted != 0 {
		t.Errorf("%+v, want %d open", s, count)
	}
	each := (heap() - before) / count
	residentEach := (resident(t) - residentBefore) / count
	t.Logf("%d bytes of heap, %d resident, for each of %d connections", each, residentEach, count)
	if each > 512 || residentEach > 4096 {
		t.Errorf("%d bytes of heap and %d resident for each connection, want at most 512 and 4096", each, residentEach)
	}
	if !isOpen(dial(t, "tcp", r.Addrs()[0])) {
		t.Error("not served")
	}
	if s := r.counts().TCP; s.Open != count || s.Evicted != 1 {
		t.Errorf("%+v, want %d open and 1 evicted", s, count)
	}
}

// allowFiles raises the limit of open files to count until the test ends, where it is lower.
func allowFiles(t *testing.T, count uint64) {
	t.Helper()
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Cur >= count {
		return
	}
	more := unix.Rlimit{Cur: count, Max: max(files.Max, count)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &more); err != nil {
		t.Fatalf("%d files may be open, and the test needs %d: %v; raise the limit (ulimit -n)", files.Cur, count, err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &files) })
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// resident returns the bytes of memory that the process has, without those that it could give back.
func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestGreedyExpire lets others' time run out while one client keeps the reader busy.
func TestGreedyExpire(t *testing.T) {
	r := start(t, Config{TCP: Limits{Idle: 2 * time.Second}}, hit, "127.0.0.1:0")
	for range 4 {
		greedy(t, r.Addrs()[0])
	}
	idle := dial(t, "tcp", r.Addrs()[0])
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("idle connection: %v", err)
	}
	testkit.Eventually(t, "closed", func() bool { return r.counts().TCP.Open < 5 })
	if s := r.counts().TCP; s.Expired != 1 || s.Open != 4 {
		t.Errorf("%+v, want 1 expired and 4 open", s)
	}
}
