package listen

import (
	"sync"
	"sync/atomic"
	"time"
)

// A connection stands in two queues: one by its state, and one by its client.
const (
	byState = iota
	byPeer
	queueKinds
)

// link is a connection's place in a queue.
type link struct{ prev, next *conn }

// queue holds connections in the order of their last progress, the idlest first.
type queue struct {
	kind        int           // byState or byPeer
	limit       time.Duration // how long a connection may make no progress
	first, last *conn
}

// push puts c at the end. c must be in no queue of the same kind.
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

// idlest returns the first connection without an open query. It looks at a few only; if all of
// these have one, it returns the first.
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

// peer is one client address, and the queue of its connections.
type peer struct {
	queue
	count int    // its connections
	round uint64 // the last round of the server in which one of them had a turn
	asked int    // their turns and queries in that round

	buffered atomic.Int64 // bytes in our buffers for its connections
	unsent   atomic.Int64 // bytes that the kernel may keep for them
}

func (p *peer) keeps() int64  { return p.buffered.Load() }
func (p *peer) leaves() int64 { return p.unsent.Load() }

// takeTurn reports whether one of the connections may have a turn in round, and counts it.
func (p *peer) takeTurn(round uint64) bool {
	if p.round != round {
		p.round, p.asked = round, 0
	}
	p.asked++
	return p.asked <= askMost
}

// lateList tells the reader which connections did not take a late answer: they stand among the
// quiet ones, but have the time of those that stall.
type lateList struct {
	mu   sync.Mutex
	list []*conn
	any  atomic.Bool
}

func (l *lateList) add(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, c)
	l.any.Store(true)
}

func (l *lateList) take() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	l.any.Store(false)
	return list
}
