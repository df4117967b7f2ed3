package listen

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// echo answers with the query.
func echo(dst, query []byte, _ *Client) []byte { return append(dst, query...) }

// delayed answers with the query after d.
func delayed(d time.Duration) Handler {
	return func(_, query []byte, c *Client) []byte {
		later, answer := c.Later(), append([]byte(nil), query...)
		time.AfterFunc(d, func() { later.Send(answer) })
		return nil
	}
}

// reach returns the address to ask where a Front listens on addr.
func reach(addr netip.AddrPort) netip.AddrPort {
	switch addr.Addr() {
	case netip.IPv4Unspecified():
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addr.Port())
	case netip.IPv6Unspecified():
		return netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port())
	}
	return addr
}

// running is a Front that is served.
type running struct {
	*Front
	cancel context.CancelFunc
	done   chan struct{}
	err    error // what Serve returned, after done
}

// open opens a Front on addrs, of which those with port 0 get a free one.
func open(t testing.TB, cfg Config, addrs ...string) *Front {
	t.Helper()
	for _, a := range addrs {
		cfg.Addrs = append(cfg.Addrs, netip.MustParseAddrPort(a))
	}
	f, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// start serves a Front until the test ends, or until stop.
func start(t testing.TB, cfg Config, h Handler, addrs ...string) *running {
	t.Helper()
	return serve(t, open(t, cfg, addrs...), h)
}

func serve(t testing.TB, f *Front, h Handler) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Front: f, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = f.Serve(ctx, h)
	}()
	t.Cleanup(func() { r.stop() })
	return r
}

// buffered returns how many bytes of half-read messages and unsent answers the Front keeps.
func (r *running) buffered() int { return int(r.tcp.limits.Total.buffered.Load()) }

// stop makes the Front leave, and returns what Serve returned.
func (r *running) stop() error {
	r.cancel()
	<-r.done
	return r.err
}

// dial connects a client. Only a hang meets its deadline.
func dial(t testing.TB, network string, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.Dial(network, to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(testkit.Patience))
	return c
}

// ask sends query over UDP and returns the answer.
func ask(t testing.TB, c net.Conn, query string) string {
	t.Helper()
	if _, err := c.Write([]byte(query)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// frame returns message with its length before it.
func frame(message string) []byte {
	b, _ := appendFrame(nil, []byte(message))
	return b
}

// readFrame reads one message from a TCP connection.
func readFrame(r io.Reader) (string, error) {
	var header [headerLen]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return "", err
	}
	message := make([]byte, binary.BigEndian.Uint16(header[:]))
	_, err := io.ReadFull(r, message)
	return string(message), err
}

// mustReadFrame is readFrame for what must come.
func mustReadFrame(t testing.TB, r io.Reader) string {
	t.Helper()
	message, err := readFrame(r)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// counter counts the queries that reach a handler.
type counter struct{ udp, tcp atomic.Int64 }

// of returns h with its queries counted.
func (n *counter) of(h Handler) Handler {
	return func(dst, query []byte, c *Client) []byte {
		if c.TCP {
			n.tcp.Add(1)
		} else {
			n.udp.Add(1)
		}
		return h(dst, query, c)
	}
}

// holder is a handler that keeps its Responders.
type holder struct {
	mu   sync.Mutex
	list []held
}

type held struct {
	query string
	Responder
}

func (h *holder) handle(_, query []byte, c *Client) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, held{string(query), c.Later()})
	return nil
}

// take returns the Responders kept, once there are n of them.
func (h *holder) take(t testing.TB, n int) []held {
	t.Helper()
	testkit.Eventually(t, "queries", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.list) >= n
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list
}
