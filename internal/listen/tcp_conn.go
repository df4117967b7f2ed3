package listen

import (
	"time"

	"golang.org/x/sys/unix"
)

// serveConn gives a connection its turn after events.
func (t *tcpServer) serveConn(c *conn, events uint32) {
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 || !t.progress(c) {
		t.closeConn(c)
		return
	}
	c.mu.Lock()
	done := c.late == 0 && len(c.out) == 0
	eof, deaf := c.eof, c.deaf
	c.watch()
	c.mu.Unlock()
	switch {
	case done && eof:
		t.closeAcked(c)
		return
	case done && deaf && !c.finished:
		t.finish(c)
	default:
		t.place(c)
	}
	t.clear()
}

// progress sends, reads and asks what it can. It returns false if the connection must be closed.
func (t *tcpServer) progress(c *conn) bool {
	c.mu.Lock()
	c.kicked = false
	n, ok := c.flush()
	full, deaf, behind := c.full(), c.deaf, len(c.out) > 0
	c.mu.Unlock()
	c.moved = n > 0
	if !ok || full {
		return ok
	}
	buf := t.in[:copy(t.in, c.in)]
	if n := missing(buf); n > 0 && !c.eof {
		if buf, ok = c.read(buf[: len(buf) : len(buf)+max(n, readRoom)]); !ok {
			return false
		}
	}
	if c.finished || deaf {
		return true // we throw it away: our side is closed, or will be, and we cannot answer
	}
	ok = t.ask(c, buf)
	if behind {
		c.moved = n > 0 // asking more is no progress while answers are not taken
	}
	return ok
}

// ask answers as many messages in buf as the connection may ask now, and keeps the rest.
func (t *tcpServer) ask(c *conn, buf []byte) bool {
	t.current, t.out = c, t.out[:0]
	t.client.Remote, t.client.Local, t.client.Leaving, t.client.Received = c.remote, c.local, t.leaving, time.Now()
	for t.mayAsk(c) {
		message, rest, ok := cut(buf)
		if !ok {
			break
		}
		if len(message) == 0 { // no DNS message is empty, so what follows is not DNS
			t.count.malformed.Add(1)
			c.stopListening()
			buf = nil
			break
		}
		t.askOne(message)
		c.moved, buf = true, rest
		if c.asked++; c.asked == t.limits.Queries {
			c.stopListening()
			buf = nil
			break
		}
		if len(t.out) >= maxOut && !t.deliver(c) {
			return false
		}
	}
	c.keep(buf)
	return t.deliver(c)
}

func (t *tcpServer) mayAsk(c *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.full()
}

// askOne lets the handler answer message, and appends the answer to t.out.
func (t *tcpServer) askOne(message []byte) {
	t.current.peer.asked++
	start := len(t.out)
	room := append(t.out, 0, 0)[start+headerLen:] // appendFrame puts the answer here too
	answer := t.handler(room, message, &t.client)
	if len(answer) == 0 {
		return
	}
	var ok bool
	if t.out, ok = appendFrame(t.out, answer); !ok {
		t.count.unsent.Add(1)
	}
}

// later leaves the current query open.
func (t *tcpServer) later() Responder {
	c := t.current
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late++
	t.count.waiting.Add(1)
	return &tcpLater{conn: c}
}

// deliver sends the frames in t.out.
func (t *tcpServer) deliver(c *conn) bool {
	if len(t.out) == 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	frames := t.out
	t.out = t.out[:0]
	return c.push(frames)
}

// place puts c into the queue of its state, and at the end of it if c has made progress. One more
// byte of half a message is no progress, however often one comes.
func (t *tcpServer) place(c *conn) {
	q := &t.quiet
	switch {
	case c.finished:
		q = &t.finished
	case c.behind():
		q = &t.untaken
	case len(c.in) > 0:
		q = &t.half
	}
	if q != c.queue || c.moved {
		t.move(c, q)
	}
}

// untakenBy tells the reader that c did not take a late answer. Any goroutine may call it.
func (t *tcpServer) untakenBy(c *conn) {
	t.late.add(c)
	t.poll.until(time.Now())
}

// placeLate gives connections that did not take a late answer the time of those that stall.
func (t *tcpServer) placeLate() {
	if !t.late.any.Load() {
		return
	}
	for _, c := range t.late.take() {
		if t.conns[c.fd] == c && c.queue != &t.untaken {
			c.moved = false
			t.place(c)
		}
	}
}

// move puts c at the end of q, as a connection that has just made progress.
func (t *tcpServer) move(c *conn, q *queue) {
	if c.queue != nil {
		c.queue.remove(c)
		c.peer.remove(c)
	}
	c.queue, c.since = q, t.now
	q.push(c)
	c.peer.push(c)
}

// finish closes our side of c. Closing both sides would reset the connection if a query were on its
// way.
func (t *tcpServer) finish(c *conn) {
	shutdown(c.fd, unix.SHUT_WR)
	c.finished = true
	t.move(c, &t.finished)
}

// closeAcked closes c after its client has closed its side. If the client has not acknowledged all
// answers yet, closeAcked closes our side only: closing the socket would reset the connection.
func (t *tcpServer) closeAcked(c *conn) {
	if c.finished || unsent(c.fd) == 0 {
		t.closeConn(c)
		return
	}
	t.poll.remove(c.fd) // with both sides closed it would be ready at all times (EPOLLHUP)
	t.finish(c)
}
