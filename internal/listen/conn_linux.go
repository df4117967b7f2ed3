package listen

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxOut is how many octets of unsent answers keep a connection from asking more.
const maxOut = 64 << 10

// conn is one TCP connection. An idle one holds no buffer.
type conn struct {
	server        *tcpServer
	fd            int
	mark          int32 // tells it from those that had fd before
	remote, local netip.AddrPort

	// What follows up to mu belongs to the server's loop.
	links    [queueKinds]link
	queue    *queue        // its queue by state
	peer     *peer         // its queue by peer
	since    time.Duration // its last progress, on the server's clock
	moved    bool          // it has made progress in this turn
	finished bool          // our side is closed
	in       []byte        // read but not asked yet

	mu     sync.Mutex
	out    []byte // answered but not sent yet
	unsent int    // octets that the kernel may keep of what was sent
	late   int    // queries left open
	events uint32 // what the poller watches
	eof    bool   // the client's side is closed
	deaf   bool   // what else comes in is thrown away
	kicked bool   // the loop should take a turn even if nothing comes in
	lost   bool   // it was shut down for the loop to close
	closed bool
}

// full reports whether the connection must wait before it asks more. The caller holds mu.
func (c *conn) full() bool { return c.late >= c.server.limits.Pipeline || len(c.out) >= maxOut }

// last reports whether no query may come any more. The caller holds mu.
func (c *conn) last() bool { return c.eof || c.deaf }

// owed reports whether queries are left open.
func (c *conn) owed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late > 0
}

// settled reports whether all that the client asked was answered and sent.
func (c *conn) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late == 0 && len(c.out) == 0
}

// watch tells the poller what the connection waits for. The caller holds mu.
func (c *conn) watch() {
	var events uint32
	if !c.eof && !c.full() {
		events |= unix.EPOLLIN
	}
	if len(c.out) > 0 || c.kicked {
		events |= unix.EPOLLOUT
	}
	if events != c.events && !c.closed {
		c.server.poll.watch(c.fd, c.mark, events)
		c.events = events
	}
}

// buffer counts n more octets kept.
func (c *conn) buffer(n int) {
	c.server.count.buffered.Add(int64(n))
	c.server.limits.Total.buffered.Add(int64(n))
	c.peer.buffered.Add(int64(n))
}

// sent counts n more octets that the kernel took, which are kept there until the client takes
// them. The caller holds mu.
func (c *conn) sent(n int) {
	if n > 0 {
		c.setUnsent(min(c.unsent+n+packetCost, 2*StreamOut))
	}
}

// packetCost is what the kernel counts for a packet beside its content.
const packetCost = 1280

// setUnsent counts n octets as those that the kernel keeps. The caller holds mu.
func (c *conn) setUnsent(n int) {
	c.server.limits.Total.unsent.Add(int64(n - c.unsent))
	c.peer.unsent.Add(int64(n - c.unsent))
	c.unsent = n
}

// look asks the kernel how much it keeps.
func (c *conn) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsent > 0 {
		c.setUnsent(unsent(c.fd))
	}
}

// kept returns how many octets are kept.
func (c *conn) kept() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in) + len(c.out)
}

// left returns how many octets the kernel may keep.
func (c *conn) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsent
}

// push sends frames, and keeps what the socket doesn't take. It returns false if the
// connection is lost or holds too much to go on. The caller holds mu.
func (c *conn) push(frames []byte) bool {
	if len(c.out) == 0 {
		n, ok := send(c.fd, frames)
		if !ok {
			return false
		}
		c.sent(n)
		frames = frames[n:]
	}
	c.out = append(c.out, frames...)
	c.buffer(len(frames))
	return len(c.out) <= c.server.maxOut
}

// flush sends what push kept, and returns how much. The caller holds mu.
func (c *conn) flush() (n int, ok bool) {
	if len(c.out) == 0 {
		return 0, true
	}
	n, ok = send(c.fd, c.out)
	c.buffer(-n)
	c.sent(n)
	if c.out = c.out[n:]; len(c.out) == 0 {
		c.out = nil
	}
	return n, ok
}

// send writes what the socket takes. It returns false if the connection is lost.
func send(fd int, data []byte) (n int, ok bool) {
	n, errno := write(fd, data)
	if errno == unix.EAGAIN {
		return 0, true
	}
	return max(n, 0), errno == 0
}

// keep keeps what is left of the input, but no buffer much longer than it.
func (c *conn) keep(rest []byte) {
	c.buffer(len(rest) - len(c.in))
	if len(rest) == 0 || len(rest) < cap(c.in)/4 {
		c.in = nil
	}
	c.in = append(c.in[:0], rest...)
}

// read appends what has come in to buf, up to its capacity.
func (c *conn) read(buf []byte) (_ []byte, ok bool) {
	n, errno := read(c.fd, buf[len(buf):cap(buf)])
	switch {
	case errno == unix.EAGAIN:
		return buf, true
	case errno != 0:
		return buf, false
	case n == 0:
		c.mu.Lock()
		c.eof = true
		c.mu.Unlock()
	}
	return buf[:len(buf)+n], true
}
