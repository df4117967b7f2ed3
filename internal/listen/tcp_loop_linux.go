package listen

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// serve lets h answer until leave is called and nothing more is owed.
func (t *tcpServer) serve(h Handler) {
	defer t.close()
	t.handler = h
	for !t.done() {
		t.poll.run(t.turn)
		t.tick()
	}
}

// yieldEvery is after how many rounds others get the CPU. It costs as much as a query.
const yieldEvery = 8

// turn handles all that is ready, round by round, until something else is due.
func (t *tcpServer) turn() {
	events := t.poll.ready()
	for len(events) > 0 {
		t.serveRound(events)
		if t.ticks() {
			return
		}
		if events = t.poll.ready(); len(events) > 0 && t.round%yieldEvery == 0 {
			runtime.Gosched() // there is more, but others get the CPU first
		}
	}
}

// serveRound gives what is ready a turn, first the clients that had none in the last round.
// The kernel keeps the order of what stays ready, so each round begins with another of the
// rest, lest the same connections use up their client's share.
func (t *tcpServer) serveRound(events []unix.EpollEvent) {
	t.now = time.Since(t.start)
	first, rest := t.part(events)
	t.round++
	for _, e := range first {
		t.handle(e)
	}
	for i := range rest {
		t.handle(rest[(int(t.round)+i)%len(rest)])
	}
	if due := t.due(); due != 0 && (t.armed == 0 || due < t.armed) {
		t.arm(due)
	}
}

// ticks reports whether tick is to run.
func (t *tcpServer) ticks() bool {
	return t.armed != 0 && t.now >= t.armed || !t.leaving && t.deadline.Load() != nil
}

// part moves the events of clients that had a turn in the last round behind the others.
func (t *tcpServer) part(events []unix.EpollEvent) (first, rest []unix.EpollEvent) {
	n := 0
	for i, e := range events {
		if c := t.conn(e); c == nil || c.peer.round != t.round {
			events[n], events[i] = e, events[n]
			n++
		}
	}
	return events[:n], events[n:]
}

// handle handles one event.
func (t *tcpServer) handle(e unix.EpollEvent) {
	if addr, ok := t.listeners[int(e.Fd)]; ok {
		t.accept(int(e.Fd), addr)
		return
	}
	if c := t.conn(e); c != nil && c.peer.takeTurn(t.round) {
		t.serveConn(c, e.Events)
	}
}

// conn returns the connection of an event. Since it came, the connection may have been closed
// to make room, and another opened under the same descriptor.
func (t *tcpServer) conn(e unix.EpollEvent) *conn {
	if int(e.Fd) >= len(t.conns) {
		return nil // a listener's
	}
	if c := t.conns[e.Fd]; c != nil && c.mark == e.Pad {
		return c
	}
	return nil
}

// tick does what is due.
func (t *tcpServer) tick() {
	t.now = time.Since(t.start)
	t.expire()
	if t.deadline.Load() != nil {
		t.leaveStep()
	}
	t.arm(t.due())
}

// arm sets when tick is to run; 0 is never.
func (t *tcpServer) arm(due time.Duration) {
	t.armed = due
	if due == 0 {
		t.poll.until(time.Time{})
	} else {
		t.poll.until(t.start.Add(due))
	}
	if t.deadline.Load() != nil && !t.leaving {
		t.poll.until(time.Now()) // leave was called meanwhile, and its call undone
	}
}
