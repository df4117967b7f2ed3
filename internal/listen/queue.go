package listen

import (
	"sync/atomic"
	"time"
)

// A connection stands in two queues: one by what it does, one by who made it.
const (
	byState = iota
	byPeer
	queueKinds
)

// link is a connection's place in a queue.
type link struct{ prev, next *conn }

// queue holds connections in the order of their last progress, the idlest first.
type queue struct {
	kind        int
	limit       time.Duration // how long a connection may make no progress
	first, last *conn
}

// push puts c, which stands in no queue of this kind, at the end.
func (q *queue) push(c *conn) {
	c.links[q.kind] = link{prev: q.last}
	if q.last != nil {
		q.last.links[q.kind].next = c
	} else {
		q.first = c
	}
	q.last = c
}

// remove takes c out.
func (q *queue) remove(c *conn) {
	l := c.links[q.kind]
	if l.prev != nil {
		l.prev.links[q.kind].next = l.next
	} else {
		q.first = l.next
	}
	if l.next != nil {
		l.next.links[q.kind].prev = l.prev
	} else {
		q.last = l.prev
	}
	c.links[q.kind] = link{}
}

// idlest returns the first connection that waits for no answer, looking at a few only, or
// the first.
func (q *queue) idlest() *conn {
	c := q.first
	for n := 0; c != nil && n < 16; n++ {
		if !c.owed() {
			return c
		}
		c = c.links[q.kind].next
	}
	return q.first
}

// peer is one client address.
type peer struct {
	queue
	count int    // its connections
	round uint64 // the server's round in which a connection last had a turn
	asked int    // turns and queries in that round

	buffered atomic.Int64 // octets that its connections keep
	unsent   atomic.Int64 // octets that the kernel may keep for them
}

func (p *peer) keeps() int64  { return p.buffered.Load() }
func (p *peer) leaves() int64 { return p.unsent.Load() }

// takeTurn reports whether a connection may have a turn in round.
func (p *peer) takeTurn(round uint64) bool {
	if p.round != round {
		p.round, p.asked = round, 0
	}
	p.asked++
	return p.asked <= askMost
}
