package listen

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxOut is how many bytes of unsent answers stop a connection from asking more.
const maxOut = 64 << 10

// conn is one TCP connection. An idle one holds no buffer.
type conn struct {
	server        *tcpServer
	fd            int
	mark          int32 // tells it from earlier connections with the same fd
	remote, local netip.AddrPort

	// The fields up to mu belong to the server's reader.
	links    [queueKinds]link
	queue    *queue        // its queue by state
	peer     *peer         // its queue by client
	since    time.Duration // its last progress, on the server's clock
	moved    bool          // it has made progress in this turn
	finished bool          // our side is closed
	asked    int           // its queries
	in       []byte        // read but not asked yet

	mu     sync.Mutex
	out    []byte // answers not sent yet
	unsent int    // bytes that the kernel may still keep of what was sent
	late   int    // queries that are open
	spoken bool   // a late answer went out since the reader last asked
	events uint32 // what the poller watches it for
	eof    bool   // the client's side is closed
	deaf   bool   // we throw away whatever else comes in
	kicked bool   // the reader must give it a turn even if nothing comes in
	lost   bool   // it was shut down, and the reader must close it
	closed bool
	taken  *sync.Cond // told when nothing is kept any more; nil until somebody waits for that
}

// full reports whether the connection must wait before it asks more. The caller holds mu.
func (c *conn) full() bool { return c.late >= c.server.limits.Pipeline || len(c.out) >= maxOut }

// last reports whether no more queries can come. The caller holds mu.
func (c *conn) last() bool { return c.eof || c.deaf }

// owed reports whether queries are open.
func (c *conn) owed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late > 0
}

// stopListening makes the server answer what c has asked so far, and then close its side.
func (c *conn) stopListening() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = true
}

// behind reports whether the client has yet to take answers.
func (c *conn) behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out) > 0
}

// waits reports whether the client waits for us, or got a late answer since this was last asked.
func (c *conn) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	waits := c.late > 0 || c.spoken
	c.spoken = false
	return waits
}

// settled reports whether all that the client has asked is answered, and the answers sent.
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

// buffer counts n more bytes in our buffers.
func (c *conn) buffer(n int) {
	c.server.limits.Total.buffered.Add(int64(n))
	c.peer.buffered.Add(int64(n))
}

// sent counts n more bytes that the kernel has taken. It keeps them until the client takes them.
// The caller holds mu.
func (c *conn) sent(n int) {
	if n > 0 {
		c.setUnsent(min(c.unsent+n+packetCost, 2*streamOut))
	}
}

// packetCost is what the kernel counts for a packet besides its content, in bytes.
const packetCost = 1280

// setUnsent notes that the kernel keeps n bytes. The caller holds mu.
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

// kept returns how many bytes our buffers hold.
func (c *conn) kept() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in) + len(c.out)
}

// left returns how many bytes the kernel may keep.
func (c *conn) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsent
}

// push sends frames, and keeps what the socket does not take. It returns false if the connection
// is lost, or keeps too much to go on. The caller holds mu.
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

// flush sends what push kept, and returns how many bytes went. The caller holds mu.
func (c *conn) flush() (n int, ok bool) {
	if len(c.out) == 0 {
		return 0, true
	}
	n, ok = send(c.fd, c.out)
	c.buffer(-n)
	c.sent(n)
	if c.out = c.out[n:]; len(c.out) == 0 {
		c.out = nil
		c.tell()
	}
	return n, ok
}

// keep keeps the rest of the input, in a buffer that is not much longer.
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

// answerLate closes an open query with answer, or with none if answer is empty.
func (c *conn) answerLate(answer []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wasFull := c.full()
	c.late--
	if len(answer) > 0 {
		c.pushLate(answer)
	}
	if wasFull || c.last() || c.server.overfull() {
		c.kicked = true // the reader asks on, closes the connection, or makes room
	}
	c.watch()
	c.server.count.waiting.Add(-1)
}

// answerPart sends one message of an open query's answer, once nothing else is kept for the client.
func (c *conn) answerPart(message []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > 0 && !c.gone() {
		if c.taken == nil {
			c.taken = sync.NewCond(&c.mu)
		}
		c.taken.Wait()
	}
	err := c.pushLate(message)
	if c.server.overfull() {
		c.kicked = true
	}
	c.watch()
	return err
}

// gone reports whether nothing can be sent any more. The caller holds mu.
func (c *conn) gone() bool { return c.closed || c.lost }

// tell wakes those who wait until nothing is kept, or nothing can be sent any more. The caller
// holds mu.
func (c *conn) tell() {
	if c.taken != nil {
		c.taken.Broadcast()
	}
}

// errTooLong says that a message does not fit into a frame.
var errTooLong = errors.New("the message is longer than 65,535 bytes")

// pushLate sends answer. If the connection cannot take it, pushLate shuts it down; the poller
// reports that, and the reader closes it. The caller holds mu.
func (c *conn) pushLate(answer []byte) error {
	frame, ok := appendFrame(make([]byte, 0, headerLen+len(answer)), answer)
	switch {
	case c.gone():
		c.server.count.unsent.Add(1)
		return net.ErrClosed
	case !ok:
		c.server.count.unsent.Add(1)
		return errTooLong
	}
	had := len(c.out)
	if !c.push(frame) || len(c.out) > 0 && c.server.crowded() {
		c.server.count.unsent.Add(1)
		c.lost = true
		shutdown(c.fd, unix.SHUT_RDWR)
		c.tell()
		return net.ErrClosed
	}
	c.spoken = true
	if had == 0 && len(c.out) > 0 {
		c.server.untakenBy(c) // nothing else would tell the reader, while the client takes nothing
	}
	return nil
}

// headerLen is the length of the length before a message on TCP, in bytes (RFC 1035, section
// 4.2.2; RFC 7766, section 8). A frame is a message behind its length.
const headerLen = 2

// cut splits the first message off buf. It returns ok false if the message is not complete.
func cut(buf []byte) (message, rest []byte, ok bool) {
	if missing(buf) > 0 {
		return nil, buf, false
	}
	end := headerLen + int(binary.BigEndian.Uint16(buf))
	return buf[headerLen:end], buf[end:], true
}

// missing returns how many bytes buf lacks for its first message, as far as buf tells.
func missing(buf []byte) int {
	if len(buf) < headerLen {
		return headerLen - len(buf)
	}
	return headerLen + int(binary.BigEndian.Uint16(buf)) - len(buf)
}

// appendFrame appends message behind its length. If message is too long, it returns dst unchanged,
// and ok false.
func appendFrame(dst, message []byte) (frames []byte, ok bool) {
	if len(message) > math.MaxUint16 {
		return dst, false
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(message)))
	return append(dst, message...), true
}
