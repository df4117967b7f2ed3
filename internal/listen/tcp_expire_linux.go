package listen

import "time"

// expireMost is how many connections of a queue expire before others get their turn.
const expireMost = 128

// expire closes the connections that have made no progress for too long. Those that wait for
// an answer of ours are spared.
func (t *tcpServer) expire() {
	for _, q := range [...]*queue{&t.quiet, &t.stalled, &t.finished} {
		for n := 0; n < expireMost && q.first != nil && q.first.since+q.limit <= t.now; n++ {
			t.expireConn(q.first)
		}
	}
}

func (t *tcpServer) expireConn(c *conn) {
	switch {
	case c.finished:
		t.closeConn(c)
	case c.owed():
		t.move(c, c.queue)
	default:
		t.count.expired.Add(1)
		t.closeConn(c)
	}
}

// expireSlack is how late a connection may expire, so that many expire together.
const expireSlack = 100 * time.Millisecond

// due returns when tick should run next, or 0 if it need not.
func (t *tcpServer) due() (at time.Duration) {
	if t.leaving {
		return t.now + leaveStepEvery
	}
	for _, q := range [...]*queue{&t.quiet, &t.stalled, &t.finished} {
		if c := q.first; c != nil && (at == 0 || c.since+q.limit < at) {
			at = c.since + q.limit
		}
	}
	if at > 0 {
		at += expireSlack
	}
	return at
}
