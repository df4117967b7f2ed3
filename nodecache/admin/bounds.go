package admin

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds for all servers together. Every Pod can reach a port that is bound to an address of the
// node, and a connection costs memory even if it asks nothing.
const (
	conns       = 32       // open connections; only a few clients look at a node
	clientConns = 8        // open connections of one address
	connBytes   = 32 << 10 // what a connection takes: its goroutines, buffers and headers

	// Bytes is what all connections take at most, in bytes, without the pages that they get.
	Bytes = conns * connBytes
)

// settled is how long a connection may work on a request before it may have to make room for another
// of the same client, or for one of a client with as many connections. A connection that rests may
// have to go at once.
const settled = time.Second

// bounds holds the open connections. The first is the one whose state has not changed for longest.
type bounds struct {
	mu      sync.Mutex
	open    []*conn
	dropped atomic.Uint64 // connections closed, or never served, for lack of room
}

// conn is a connection that a server serves.
type conn struct {
	*net.TCPConn
	bounds *bounds
	from   netip.Addr
	since  time.Time // when it was opened, or its last request began or ended
	rests  bool      // it is between two requests
	asked  time.Time // when its last request came
}

// admit adds a connection. If there are too many, it closes another, or this one; then it returns
// nil.
func (b *bounds) admit(c *net.TCPConn) *conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	n := &conn{TCPConn: c, bounds: b, from: from.Addr().Unmap().WithZone(""), since: time.Now()}
	if goes, room := b.room(n); !room {
		reset(c)
		b.dropped.Add(1)
		return nil
	} else if goes != nil {
		b.remove(goes)
		reset(goes.TCPConn)
		b.dropped.Add(1)
	}
	b.open = append(b.open, n)
	return n
}

// room reports whether there is room for n, and which connection has to go for it (nil for none). A
// client takes a connection from a client that has more, and never from one that has fewer.
func (b *bounds) room(n *conn) (goes *conn, room bool) {
	has := map[netip.Addr]int{}
	var greedy netip.Addr
	for _, c := range b.open {
		has[c.from]++
	}
	for _, c := range b.open {
		if has[c.from] > has[greedy] {
			greedy = c.from
		}
	}
	switch {
	case has[n.from] >= clientConns:
		goes = b.first(n.from)
	case len(b.open) < conns:
		return nil, true
	case has[n.from]+1 < has[greedy]:
		return b.first(greedy), true
	default:
		goes = b.open[slices.IndexFunc(b.open, func(c *conn) bool { return c.from == n.from || has[c.from] > has[n.from] })]
	}
	return goes, goes.rests || n.since.Sub(goes.since) >= settled
}

// first returns the first connection of a client.
func (b *bounds) first(from netip.Addr) *conn {
	for _, c := range b.open {
		if c.from == from {
			return c
		}
	}
	return nil
}

// move notes that c begins a request, or rests after one.
func (b *bounds) move(c *conn, rests bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.remove(c) {
		c.since, c.rests = time.Now(), rests
		b.open = append(b.open, c)
	}
}

// remove takes c out, and reports whether it was there. The caller holds mu.
func (b *bounds) remove(c *conn) bool {
	for i, other := range b.open {
		if other == c {
			b.open = append(b.open[:i], b.open[i+1:]...)
			return true
		}
	}
	return false
}

// Close closes the connection and gives back its place.
func (c *conn) Close() error {
	c.bounds.mu.Lock()
	c.bounds.remove(c)
	c.bounds.mu.Unlock()
	return c.TCPConn.Close()
}

// reset closes a connection in a way that makes the kernel forget it at once, too.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// listener accepts connections within bounds.
type listener struct {
	*net.TCPListener
	bounds *bounds
}

// acceptPause is the time from one connection to the next. It keeps a client that opens connections
// as fast as it can from taking the processor.
const acceptPause = 200 * time.Microsecond

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		time.Sleep(acceptPause)
		if admitted := l.bounds.admit(c); admitted != nil {
			return admitted, nil
		}
	}
}
