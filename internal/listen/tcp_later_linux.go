package listen

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// tcpLater answers one query on the connection that it came from.
type tcpLater struct {
	conn *conn
	sent atomic.Bool
}

// Send implements Responder.
func (l *tcpLater) Send(answer []byte) {
	if l.sent.Swap(true) {
		return
	}
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	wasFull := c.full()
	c.late--
	if len(answer) > 0 {
		c.pushLate(answer)
	}
	if wasFull || c.last() || c.server.overfull() {
		c.kicked = true // the loop asks on, closes, or makes room
	}
	c.watch()
	c.server.count.waiting.Add(-1)
}

// pushLate sends answer. A connection that can't take it is shut down, and the loop, which
// hears of it, closes it. The caller holds mu.
func (c *conn) pushLate(answer []byte) {
	count := &c.server.count
	frame, ok := appendFrame(make([]byte, 0, headerLen+len(answer)), answer)
	if !ok || c.closed || c.lost {
		count.unsent.Add(1)
		return
	}
	if !c.push(frame) || len(c.out) > 0 && c.server.crowded() {
		count.unsent.Add(1)
		c.lost = true
		shutdown(c.fd, unix.SHUT_RDWR)
		return
	}
	count.answers.Add(1)
	count.late.Add(1)
}
