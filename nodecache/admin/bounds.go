package admin

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What all servers together may have open. Every Pod can reach a port that is bound to an
// address of the node, and a connection costs memory whether or not it asks for anything.
const (
	Conns       = 32       // connections; those who look at a node are a few
	ClientConns = 8        // of these, those of one address
	ConnBytes   = 32 << 10 // what a connection takes: its goroutines, buffers and headers

	Bytes = Conns * ConnBytes // what all take, beside the pages that are served
)

// settled is how long a connection may take for a request before it may have to go for another
// of the same client, or for one of a client that has as many. One that rests may go at once.
const settled = time.Second

// bounds holds the connections that are open, the one that has changed nothing for longest first.
type bounds struct {
	mu      sync.Mutex
	open    []*conn
	dropped atomic.Uint64 // closed, or never served, for want of room
}

// conn is a connection that is served.
type conn struct {
	*net.TCPConn
	bounds *bounds
	from   netip.Addr
	since  time.Time // when it was opened, or its last request began or was answered
	rests  bool      // between two requests
	asked  time.Time // when its last request came
}

// admit takes up a connection, closing another if there are too many. It returns nil if this
// one was closed.
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

// room reports whether there is room for n, and which connection has to go for it, nil if none
// has to. A client that has fewer than another takes one of the other's, and never one of a client
// that has fewer itself.
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
	case has[n.from] >= ClientConns:
		goes = b.first(n.from)
	case len(b.open) < Conns:
		return nil, true
	case has[n.from]+1 < has[greedy]:
		return b.first(greedy), true
	default:
		goes = b.open[slices.IndexFunc(b.open, func(c *conn) bool { return c.from == n.from || has[c.from] > has[n.from] })]
	}
	return goes, goes.rests || n.since.Sub(goes.since) >= settled
}

// first returns the first connection of a client's.
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

// Close gives back its place.
func (c *conn) Close() error {
	c.bounds.mu.Lock()
	c.bounds.remove(c)
	c.bounds.mu.Unlock()
	return c.TCPConn.Close()
}

// reset closes a connection so that the kernel, too, forgets it at once.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// listener accepts connections within bounds.
type listener struct {
	*net.TCPListener
	bounds *bounds
}

// acceptPause lies between two connections, so that those who open them as fast as they can
// leave the processor to others.
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
