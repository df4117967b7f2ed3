package listen

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
)

// TestTCP asks over both families, one byte at a time and all at once.
func TestTCP(t *testing.T) {
	for _, tt := range []struct {
		listen, asked string
		dual          bool
	}{
		{"127.0.0.1:0", "127.0.0.1", false},
		{"[::1]:0", "::1", false},
		{"0.0.0.0:0", "127.0.0.2", false},
		{"[::]:0", "::1", false},
		{"127.0.0.1:0", "127.0.0.1", true},
		{"0.0.0.0:0", "127.0.0.2", true},
		{"0.0.0.0:0", "::1", true},
		{"[::]:0", "127.0.0.2", true},
		{"[::]:0", "::1", true},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			clients := make(chan Client, 10)
			r := start(t, Config{DualStack: tt.dual}, func(dst, query []byte, c *Client) []byte {
				clients <- *c
				return append(dst, query...)
			}, tt.listen)
			asked := netip.AddrPortFrom(netip.MustParseAddr(tt.asked), r.Addrs()[0].Port())
			c := dial(t, "tcp", asked)
			for _, b := range frame("slow") {
				c.Write([]byte{b})
				time.Sleep(time.Millisecond) // so that the front reads it alone
			}
			c.Write(append(frame("two"), frame("three")...))
			for _, want := range []string{"slow", "two", "three"} {
				if got := mustReadFrame(t, c); got != want {
					t.Errorf("answer %q, want %q", got, want)
				}
			}
			got := <-clients
			if got.Local != asked || got.Remote.String() != c.LocalAddr().String() || !got.TCP {
				t.Errorf("client %+v, want local %v, remote %v", got, asked, c.LocalAddr())
			}
		})
	}
}

// TestTCPOrder leaves queries open and has them answered last to first (RFC 7766, section
// 6.2.1.1), more than a connection may leave open at once.
func TestTCPOrder(t *testing.T) {
	var h holder
	r := start(t, Config{TCP: Limits{Pipeline: 4}}, h.handle, "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	var queries []byte
	for i := range 10 {
		queries = append(queries, frame(fmt.Sprint(i))...)
	}
	c.Write(queries)
	first := h.take(t, 4)
	time.Sleep(20 * time.Millisecond) // time enough for a fifth, which must not come
	if n := len(h.take(t, 4)); n != 4 {
		t.Fatalf("%d queries left open, want 4", n)
	}
	for _, i := range []int{3, 2, 1, 0} {
		first[i].Send([]byte(first[i].query))
	}
	for _, want := range []string{"3", "2", "1", "0"} {
		if got := mustReadFrame(t, c); got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
	for _, later := range h.take(t, 8)[4:8] {
		later.Send(nil)
	}
	for _, later := range h.take(t, 10)[8:] {
		later.Send([]byte("end"))
	}
	for range 2 {
		if got := mustReadFrame(t, c); got != "end" {
			t.Errorf("answer %q, want end", got)
		}
	}
}

// TestTCPLongest sends messages of the greatest length, also while reading no answers, and
// has them answered at once and late. Only one is left open, so that they stay in order.
func TestTCPLongest(t *testing.T) {
	for name, h := range map[string]Handler{"now": echo, "late": delayed(time.Millisecond)} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Config{TCP: Limits{Pipeline: 1}}, h, "127.0.0.1:0")
			c := dial(t, "tcp", r.Addrs()[0])
			var queries []byte
			for i := range 100 {
				queries = append(queries, frame(strings.Repeat(string(rune('a'+i%26)), 65535-i%2))...)
			}
			c.(*net.TCPConn).SetReadBuffer(64 << 10)
			go c.Write(queries)
			testkit.Eventually(t, "answers that wait", func() bool { return r.buffered() > 0 })
			got, err := io.ReadAll(io.LimitReader(c, int64(len(queries))))
			if err != nil || !bytes.Equal(got, queries) {
				t.Fatalf("%d bytes of answers, want %d; %v", len(got), len(queries), err)
			}
		})
	}
}

// TestTCPTooLong shows that an answer without a frame to fit is left out, not sent broken.
func TestTCPTooLong(t *testing.T) {
	r := start(t, Config{}, func(dst, query []byte, c *Client) []byte {
		switch string(query) {
		case "long":
			return append(dst, make([]byte, 65536)...)
		case "late":
			c.Later().Send(make([]byte, 65536))
			return dst
		}
		return append(dst, query...)
	}, "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	c.Write(append(append(frame("long"), frame("late")...), frame("short")...))
	if got := mustReadFrame(t, c); got != "short" {
		t.Errorf("answer %q", got)
	}
	if n := r.counts().TCP.Unsent; n != 2 {
		t.Errorf("%d unsent, want 2", n)
	}
}

// TestTCPEmpty answers what a connection asked before it sent an empty message, in the same
// segment too, at once and late, and then has its client close. What comes behind is thrown
// away: left unread it would reset the connection, and the answers with it (RFC 9293, section
// 3.10.4).
func TestTCPEmpty(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		for name, h := range map[string]Handler{"now": echo, "late": delayed(50 * time.Millisecond)} {
			for _, queries := range []int{0, 1, 3} {
				r := start(t, Config{}, h, addr)
				c := dial(t, "tcp", r.Addrs()[0])
				want := bytes.Repeat(frame("query"), queries)
				c.Write(append(append(want, 0, 0), strings.Repeat("garbage", 20000)...))
				all, err := io.ReadAll(c)
				if err != nil || !bytes.Equal(all, want) {
					t.Errorf("%s, %s, %d queries: %q, %v", addr, name, queries, all, err)
				}
				c.Close()
				testkit.Eventually(t, "closed", func() bool { s := r.counts().TCP; return s.Open == 0 && s.Malformed == 1 && r.buffered() == 0 })
			}
		}
	}
}

// TestTCPEmptyHeld closes our side for who sends an empty message and goes on, and does not wait
// for theirs for long.
func TestTCPEmptyHeld(t *testing.T) {
	var asked counter
	r := start(t, Config{}, asked.of(echo), "127.0.0.1:0")
	c := dial(t, "tcp", r.Addrs()[0])
	c.Write([]byte{0, 0})
	testkit.Eventually(t, "closed", func() bool {
		c.Write(frame("query"))
		return r.counts().TCP.Open == 0
	})
	if n := asked.tcp.Load(); n != 0 {
		t.Errorf("%d queries behind an empty message were answered", n)
	}
}

// TestTCPHalfClosed answers a client that has closed its side, at once and late.
func TestTCPHalfClosed(t *testing.T) {
	for name, h := range map[string]Handler{"now": echo, "late": delayed(50 * time.Millisecond)} {
		r := start(t, Config{}, h, "127.0.0.1:0")
		c := dial(t, "tcp", r.Addrs()[0])
		c.Write(append(frame("one"), frame("two")...))
		c.(*net.TCPConn).CloseWrite()
		all, err := io.ReadAll(c)
		if want := append(frame("one"), frame("two")...); err != nil || len(all) != len(want) {
			t.Errorf("%s: %q, %v", name, all, err)
		}
		testkit.Eventually(t, "closed", func() bool { return r.counts().TCP.Open == 0 })
	}
}

// TestTCPHalfClosedLateACK has a client close its side and be late to acknowledge the answer, as
// one is that delays acknowledgements (RFC 1122, section 4.2.3.2): it reads the answer and then the
// end, and no reset.
func TestTCPHalfClosedLateACK(t *testing.T) {
	r := start(t, Config{}, echo, "127.0.0.1:0")
	for range 100 {
		c := dial(t, "tcp", r.Addrs()[0]).(*net.TCPConn)
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0) })
		if err != nil {
			t.Fatal(err)
		}
		c.Write(frame("last words"))
		c.CloseWrite()
		time.Sleep(2 * time.Millisecond) // reading at once would acknowledge at once
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, frame("last words")) {
			t.Fatalf("read %q, %v", got, err)
		}
		c.Close()
	}
	testkit.Eventually(t, "closed", func() bool { return r.counts().TCP.Open == 0 })
}

// TestTCPGone answers clients that have reset their connections meanwhile.
func TestTCPGone(t *testing.T) {
	var h holder
	r := start(t, Config{}, h.handle, "127.0.0.1:0")
	for i := range 20 {
		c := dial(t, "tcp", r.Addrs()[0])
		c.Write(frame("query"))
		h.take(t, i+1)
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	for _, later := range h.take(t, 20) {
		later.Send([]byte("answer"))
	}
	testkit.Eventually(t, "closed", func() bool { s := r.counts().TCP; return s.Open == 0 && s.Waiting == 0 })
}

// TestTCPGarbage sends random bytes on many connections while another is served.
func TestTCPGarbage(t *testing.T) {
	r := start(t, Config{TCP: Limits{Read: 200 * time.Millisecond, Write: 200 * time.Millisecond, Idle: 2 * time.Second}}, echo, "127.0.0.1:0")
	rnd := rand.New(rand.NewPCG(1, 2))
	good := dial(t, "tcp", r.Addrs()[0])
	for range 200 {
		c := dial(t, "tcp", r.Addrs()[0])
		garbage := make([]byte, rnd.IntN(5000))
		for i := range garbage {
			garbage[i] = byte(rnd.Uint32())
		}
		c.Write(garbage)
		if rnd.IntN(2) == 0 {
			c.Close()
		}
		good.Write(frame("query"))
		if got := mustReadFrame(t, good); got != "query" {
			t.Fatalf("answer %q", got)
		}
	}
	good.Close()
	testkit.Eventually(t, "closed", func() bool { s := r.counts().TCP; return s.Open == 0 && r.buffered() == 0 })
}

// TestRoom shows how much the kernel may keep of what a connection has received, which it inherits from
// the listener. With too little, TCP stalls where a client has hundreds of queries under way.
func TestRoom(t *testing.T) {
	for room, want := range map[int]int{0: 2 * StreamIn, 32 << 10: 64 << 10} {
		f := open(t, Config{TCP: Limits{Room: room}}, "127.0.0.1:0")
		for fd := range f.tcp.listeners {
			if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || got != want {
				t.Errorf("%d: %d bytes, %v, want %d", room, got, err, want)
			}
		}
		f.Close()
	}
}
