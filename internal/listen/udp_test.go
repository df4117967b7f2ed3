package listen

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
)

// TestUDP asks over both families in one process, on addresses of their own and on the
// wildcards, and takes answers only from the address that was asked.
func TestUDP(t *testing.T) {
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
			clients := make(chan Client, 1)
			r := start(t, Config{DualStack: tt.dual}, func(dst, query []byte, c *Client) []byte {
				clients <- *c
				return append(append(dst, "re: "...), query...)
			}, tt.listen)
			asked := netip.AddrPortFrom(netip.MustParseAddr(tt.asked), r.Addrs()[0].Port())
			c := dial(t, "udp", asked) // a connected socket takes nothing from elsewhere
			if got := ask(t, c, "hello"); got != "re: hello" {
				t.Errorf("answer %q", got)
			}
			got := <-clients
			if got.Local != asked || got.Remote.String() != c.LocalAddr().String() || got.TCP || got.Leaving {
				t.Errorf("client %+v, want local %v, remote %v", got, asked, c.LocalAddr())
			}
		})
	}
}

func TestUDPAddresses(t *testing.T) {
	r := start(t, Config{Sockets: 2}, echo, "127.0.0.1:0", "127.0.0.2:0", "[::1]:0")
	for _, addr := range r.Addrs() {
		if got := ask(t, dial(t, "udp", addr), addr.String()); got != addr.String() {
			t.Errorf("%v: answer %q", addr, got)
		}
	}
}

// TestUDPLate answers the second query before the first.
func TestUDPLate(t *testing.T) {
	for listen, asked := range map[string]string{
		"127.0.0.1:0": "127.0.0.1", "0.0.0.0:0": "127.0.0.2", "[::]:0": "127.0.0.2", "[::]:00": "::1",
	} {
		var h holder
		r := start(t, Config{DualStack: strings.HasPrefix(listen, "[")}, h.handle, listen)
		c := dial(t, "udp", netip.AddrPortFrom(netip.MustParseAddr(asked), r.Addrs()[0].Port()))
		c.Write([]byte("one"))
		h.take(t, 1)
		c.Write([]byte("two"))
		held := h.take(t, 2)
		for _, i := range []int{1, 0} {
			held[i].Send([]byte(held[i].query))
			held[i].Send([]byte("twice")) // must not count
		}
		for _, want := range []string{"two", "one"} {
			if got := ask(t, c, "x"); got != want {
				t.Errorf("%s: answer %q, want %q", listen, got, want)
			}
		}
		for _, later := range h.take(t, 4)[2:] {
			later.Send(nil)
		}
	}
}

// TestUDPUnanswered sends what gets no answer: an empty datagram, and what the handler drops.
// What follows is answered.
func TestUDPUnanswered(t *testing.T) {
	var asked counter
	r := start(t, Config{Sockets: 1}, asked.of(func(dst, query []byte, c *Client) []byte {
		if string(query) == "drop" {
			return dst
		}
		return append(dst, query...)
	}), "127.0.0.1:0")
	c := dial(t, "udp", r.Addrs()[0])
	for _, datagram := range []string{"", "drop"} {
		c.Write([]byte(datagram))
	}
	if got := ask(t, c, "query"); got != "query" {
		t.Errorf("answer of %d bytes", len(got))
	}
	if n := asked.udp.Load(); n != 2 {
		t.Errorf("%d queries, want 2", n)
	}
}

// TestUDPCut tells the handler which datagrams are longer than what it sees of them, over both
// families, from a socket's own address and a wildcard, and out of the backlog too.
func TestUDPCut(t *testing.T) {
	h := func(dst, query []byte, c *Client) []byte { return fmt.Appendf(dst, "%d %v", len(query), c.Cut) }
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		f := open(t, Config{Sockets: 1}, addr)
		c := dial(t, "udp", reach(f.Addrs()[0]))
		const rounds = 20 // more than a client's share of a batch
		for range rounds {
			for _, size := range []int{1, queryRoom, queryRoom + 1, 65507} {
				c.Write(make([]byte, size))
			}
		}
		serve(t, f, h)
		got, buf := map[string]int{}, make([]byte, 100)
		for range 4 * rounds {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatalf("%s: %v after %v", addr, err, got)
			}
			got[string(buf[:n])]++
		}
		if got["1 false"] != rounds || got["1232 false"] != rounds || got["1232 true"] != 2*rounds {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// TestUDPLongAnswers answers whole batches with more than the batch has room for.
func TestUDPLongAnswers(t *testing.T) {
	const count, size = 2 * batchSize, 5000 // one byte tells them apart
	f := open(t, Config{Sockets: 1}, "127.0.0.1:0")
	c := dial(t, "udp", f.Addrs()[0])
	c.(*net.UDPConn).SetReadBuffer(4 << 20)
	for i := range count {
		c.Write([]byte{byte(i)})
	}
	serve(t, f, func(dst, query []byte, _ *Client) []byte {
		for range size {
			dst = append(dst, query[0])
		}
		return dst
	})
	seen := map[byte]bool{}
	buf := make([]byte, 65535)
	for len(seen) < count {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("%v after %d answers", err, len(seen))
		}
		if want := strings.Repeat(string(buf[:1]), size); string(buf[:n]) != want {
			t.Fatalf("answer %d of %d bytes", buf[0], n)
		}
		seen[buf[0]] = true
	}
}

// TestUDPOverflow has the kernel drop datagrams, and sees them counted.
func TestUDPOverflow(t *testing.T) {
	f := open(t, Config{Sockets: 1}, "127.0.0.1:0")
	c := dial(t, "udp", f.Addrs()[0])
	testkit.Eventually(t, "something dropped", func() bool {
		for range 1000 {
			c.Write([]byte("x"))
		}
		return f.counts().UDP.Overflow > 0
	})
	f.Close()
}

// TestUDPRefused answers datagrams whose source can't be reached, among others.
func TestUDPRefused(t *testing.T) {
	r := start(t, Config{Sockets: 1}, func(dst, query []byte, _ *Client) []byte {
		if string(query) == "long" {
			return append(dst, make([]byte, 70000)...) // no datagram is that long: EMSGSIZE
		}
		return append(dst, query...)
	}, "127.0.0.1:0")
	c := dial(t, "udp", r.Addrs()[0])
	for range 10 {
		c.Write([]byte("long"))
	}
	if got := ask(t, c, "short"); got != "short" {
		t.Errorf("answer %q", got)
	}
	testkit.Eventually(t, "counters", func() bool { return r.counts().UDP.Unsent == 10 })
}
