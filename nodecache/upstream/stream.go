package upstream

import (
	"encoding/binary"
	"net"
	"runtime"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

const (
	readBuffer  = 4096
	writeBuffer = 1 << 16
	maxStrange  = 64 // after so many messages in a row that answer nothing, a connection is given up
)

// write writes queries until the connection is closed, as many at a time as are waiting. If that
// fails, the connection is retired, and ends once everything is read that the server sent before.
func (c *conn) write(nc net.Conn) {
	var buf []byte
	for c.wait() {
		runtime.Gosched() // let others that are about to ask do so first
		buf = c.fill(buf[:0])
		if len(buf) == 0 {
			continue
		}
		if _, err := nc.Write(buf); err != nil {
			c.retired.Store(true)
			return
		}
		if cap(buf) > readBuffer {
			buf = nil // it was a burst; an idle connection must not keep it
		}
	}
}

// wait waits until there are queries that may be written. It reports false once the connection is
// closed.
func (c *conn) wait() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for (len(c.queue) == 0 || c.room() <= 0) && !c.closed.Load() {
		c.ready.Wait()
	}
	return !c.closed.Load()
}

// fill appends the frames of waiting queries (RFC 1035 section 4.2.2), except for queries that
// were withdrawn meanwhile.
func (c *conn) fill(buf []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, room := 0, c.room()
	for n < len(c.queue) && len(buf) < writeBuffer && room > 0 {
		id := c.queue[n]
		n++
		s, ok := c.slots[id]
		if !ok || s.call == nil { // forgotten, or withdrawn
			c.drop(id)
			c.taken.Add(-1)
			continue
		}
		frame := len(buf)
		buf = s.call.appendQuery(append(buf, 0, 0), id, s.bare)
		binary.BigEndian.PutUint16(buf[frame:], uint16(len(buf)-frame-2)) // it fits; see Forward.ask
		c.written++
		room--
	}
	c.queue = c.queue[:copy(c.queue, c.queue[n:])]
	return buf
}

// read reads answers until the connection ends.
func (c *conn) read(nc net.Conn) error {
	buf, have := make([]byte, readBuffer), 0
	for {
		n, err := nc.Read(buf[have:])
		have += n
		if n > 0 {
			rest, enough := c.frames(buf[:have])
			if !enough {
				return errGarbage
			}
			if len(buf) > readBuffer {
				runtime.Gosched() // let whoever got a long answer pass it on before the next one comes
			}
			buf, have = keep(buf, rest)
		}
		if err != nil {
			return err
		}
	}
}

// keep moves rest, the beginning of a message, to the front of a buffer that can hold the whole
// message.
func keep(buf, rest []byte) ([]byte, int) {
	need := readBuffer
	if len(rest) >= 2 {
		need = max(need, 2+int(binary.BigEndian.Uint16(rest)))
	}
	if need > len(buf) || need == readBuffer && len(buf) > readBuffer {
		buf = make([]byte, need)
	}
	return buf, copy(buf, rest)
}

// frames takes in the whole messages at the front of buf and returns what follows them. It reports
// false if the server sends only garbage.
func (c *conn) frames(buf []byte) (rest []byte, ok bool) {
	now := c.server.forward.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(buf) >= 2 {
		size := int(binary.BigEndian.Uint16(buf))
		if len(buf) < 2+size {
			break
		}
		switch {
		case c.message(buf[2:2+size], now):
		case c.forgot > 0:
			c.forgot--
		default:
			c.strange++
		}
		buf = buf[2+size:]
	}
	return buf, c.strange <= maxStrange
}

// message takes in one message, and reports whether it answers a query.
func (c *conn) message(m wire.Message, now time.Duration) bool {
	id := m.ID()
	s, ok := c.slots[id]
	if !ok || m.Flags()&wire.QR == 0 || s.call != nil && !s.call.matches(m) {
		return false
	}
	c.server.heard(c.scope, now) // first, so that whoever gets the answer finds the server well
	c.server.forward.paces[c.scope].observe(now - s.at)
	if s.call != nil {
		c.server.answered(s.call, s.ask, m, s.bare)
		c.dropLive()
	}
	c.drop(id)
	c.heard(now)
	if t, ok := keepalive(m); ok {
		c.keepFor(t)
	}
	return true
}

// heard notes that the server has sent an answer.
func (c *conn) heard(now time.Duration) {
	c.said, c.strange, c.unheard, c.used, c.word = c.said+1, 0, 0, now, now
	if c.live > 0 {
		c.owing.Store(int64(now))
	}
}

// keepalive returns the idle time-out that a server announces in m (RFC 7828 section 3.3.2).
// Servers that merely echo the option of a query announce none.
func keepalive(m wire.Message) (timeout time.Duration, ok bool) {
	o, _ := m.OPT()
	return time.Duration(o.Timeout) * 100 * time.Millisecond, o.Timed
}

// keepFor adopts the server's idle time-out (RFC 7828 section 3.2.2). Zero asks us to close the
// connection once all queries are answered.
func (c *conn) keepFor(t time.Duration) {
	if t == 0 {
		c.retired.Store(true)
	}
	c.idle = min(c.server.forward.conf.IdleTimeout, max(t-tick, 0))
}
