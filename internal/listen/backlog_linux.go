package listen

import (
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// backlogMost is how many queries wait in a backlog at most: more than the kernel's queue
	// holds, so that no burst is lost by moving it from there to here. It is a power of two.
	backlogMost = 4096

	// backlogRoom is the room for their messages, octets. A query for a name of the search
	// path has 70.
	backlogRoom = 64 * backlogMost
)

// backlog holds the queries of clients that have sent more than their share, in the order of
// their arrival. They are copied, which takes less memory than to keep the batches that they
// came in.
type backlog struct {
	queries [backlogMost]parked
	first   int // place of the oldest
	count   int
	end     int // where the latest one's message ends
	octets  [backlogRoom]byte
}

// parked is one query in a backlog.
type parked struct {
	name       unix.RawSockaddrInet6
	nameLen    uint32
	control    control
	controlLen int
	start, len int // its message
}

// backlogs keeps backlogs that are not in use, until the next garbage collection but one.
var backlogs = sync.Pool{New: func() any { return new(backlog) }}

// push appends datagram i of b, which is a query, and reports whether there was room.
func (l *backlog) push(b *batch, i int) bool {
	m := &b.queries[i]
	message := b.queryBuf[i][:m.n]
	start, ok := l.place(len(message))
	if !ok {
		return false
	}
	q := &l.queries[(l.first+l.count)%backlogMost]
	q.name, q.nameLen = b.names[i], m.hdr.Namelen
	q.controlLen = int(m.hdr.Controllen)
	if q.controlLen > 0 {
		q.control = b.controls[i]
	}
	q.start, q.len = start, copy(l.octets[start:], message)
	l.end = start + q.len
	l.count++
	return true
}

// place finds room for a message of n octets, in one piece.
func (l *backlog) place(n int) (start int, ok bool) {
	if l.count == 0 {
		return 0, true
	}
	oldest := l.queries[l.first].start
	switch {
	case l.count == backlogMost:
		return 0, false
	case l.end <= oldest: // it went round
		return l.end, l.end+n <= oldest
	case l.end+n <= backlogRoom:
		return l.end, true
	}
	return 0, n <= oldest
}

// pop moves the oldest query to datagram i of b.
func (l *backlog) pop(b *batch, i int) {
	q := &l.queries[l.first]
	m := &b.queries[i]
	b.names[i], m.hdr.Namelen = q.name, q.nameLen
	if m.hdr.SetControllen(q.controlLen); q.controlLen > 0 {
		b.controls[i] = q.control
	}
	m.hdr.Flags = 0
	m.n = uint32(copy(b.queryBuf[i][:], l.octets[q.start:q.start+q.len]))
	l.first = (l.first + 1) % backlogMost
	l.count--
}
