package listen

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// quietListener is how long a listener must bring no connection before it is closed.
	// Handshakes that had begun take a round trip.
	quietListener = 100 * time.Millisecond

	// quietConn is how long a connection must bring no query before its client is told to
	// close: more than a client that is short of CPU takes from one query to the next.
	quietConn = time.Second

	// linger is how long a client may take to close its side after ours.
	linger = time.Second

	// leaveStepEvery is the pace of leaving.
	leaveStepEvery = 10 * time.Millisecond
)

// leave lets the connections finish until deadline, and closes. It may be called from any
// goroutine.
func (t *tcpServer) leave(deadline time.Time) {
	t.deadline.Store(&deadline)
	t.poll.until(time.Now())
}

// done reports whether leaving has come to its end.
func (t *tcpServer) done() bool {
	if !t.leaving {
		return false
	}
	return len(t.listeners) == 0 && t.count.open.Load() == 0 || t.overtime(0)
}

// overtime reports whether the deadline is nearer than d.
func (t *tcpServer) overtime(d time.Duration) bool {
	return time.Now().Add(d).After(*t.deadline.Load())
}

// leaveStep turns new connections away, closes the listeners once all is quiet, and tells
// the clients that are done to close.
func (t *tcpServer) leaveStep() {
	if !t.leaving {
		t.leaving, t.lastAccept = true, t.now
		for fd := range t.listeners {
			TurnAway(fd)
		}
	}
	if t.now-t.lastAccept >= quietListener {
		t.closeListeners()
	}
	until := t.now - quietConn
	if t.overtime(linger) {
		until = t.now // even those who have just asked
	}
	for c := t.quiet.first; c != nil && c.since <= until; {
		next := c.links[byState].next
		if c.settled() {
			t.finish(c)
		}
		c = next
	}
}

// finish closes our side of c; closing both would reset it if a query were on its way.
func (t *tcpServer) finish(c *conn) {
	shutdown(c.fd, unix.SHUT_WR)
	c.finished = true
	t.move(c, &t.finished)
}

// closeAcked closes c, whose client has closed its side. If the client has yet to acknowledge answers,
// it closes our side only: closing the socket would reset the connection.
func (t *tcpServer) closeAcked(c *conn) {
	if c.finished || unsent(c.fd) == 0 {
		t.closeConn(c)
		return
	}
	t.poll.remove(c.fd) // with both sides closed it is ready at all times (EPOLLHUP)
	t.finish(c)
}

// TurnAway sends new connections to the listeners of others. Closing a listener resets those
// that wait in it or are still shaking hands, so it first has to run dry.
//
// Since Linux 6.2 a listener that waits for a CPU which does not exist is chosen last. Where
// the others don't cover the CPU in question, or the kernel is older, the filter drops the
// handshake's first packet (SYN); the client repeats it after 1 s, when we are gone.
func TurnAway(listener int) {
	unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_INCOMING_CPU, noCPU)
	program := [...]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},                   // the flags of the TCP header, RFC 9293 section 3.1
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1}, // SYN?
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	unix.SetsockoptSockFprog(listener, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}
