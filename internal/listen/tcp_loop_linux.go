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

// turn handles all that is ready, round by round, until something else is due.
func (t *tcpServer) turn() {
	events := t.poll.ready()
	for len(events) > 0 {
		t.serveRound(events)
		if t.ticks() {
			return
		}
		if events = t.poll.ready(); len(events) > 0 {
			runtime.Gosched() // there is more, but others get the CPU first
		}
	}
}

// serveRound gives what is ready a turn. The kernel keeps the order of what stays ready, so
// each round begins with another, lest the same connections use up their client's share.
func (t *tcpServer) serveRound(events []unix.EpollEvent) {
	t.now = time.Since(t.start)
	t.round++
	first := int(t.round % uint64(len(events)))
	for i := range events {
		t.handle(events[(first+i)%len(events)])
	}
	if due := t.due(); due != 0 && (t.armed == 0 || due < t.armed) {
		t.arm(due)
	}
}

// ticks reports whether tick is to run.
func (t *tcpServer) ticks() bool {
	return t.armed != 0 && t.now >= t.armed || !t.leaving && t.deadline.Load() != nil
}

// handle handles one event. Since it came, its connection may have been closed to make room,
// and another opened under the same descriptor.
func (t *tcpServer) handle(e unix.EpollEvent) {
	fd := int(e.Fd)
	if addr, ok := t.listeners[fd]; ok {
		t.accept(fd, addr)
		return
	}
	if fd >= len(t.conns) {
		return // a listener's that was closed meanwhile
	}
	if c := t.conns[fd]; c != nil && c.mark == e.Pad && c.peer.takeTurn(t.round) {
		t.serveConn(c, e.Events)
	}
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
