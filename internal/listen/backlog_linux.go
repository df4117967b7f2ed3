package listen

import (
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// backlogMost is how many queries wait in a backlog at most: more than the kernel's queue
	// holds, so that no burst is lost by moving it from there to here. It is a power of two.
	backlogMost = 4096

	// backlogRoom is the room for what they said, octets. A query for a name of the search
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
	end     int // where the octets of the latest end
	octets  [backlogRoom]byte
}

// parked is one query in a backlog.
type parked struct {
	name                       unix.RawSockaddrInet6
	nameLen                    uint32
	start, controlLen, dataLen int32 // in octets: its control message, and what was sent
}

// backlogs keeps backlogs that are not in use, until the next garbage collection but one.
var backlogs = sync.Pool{New: func() any { return new(backlog) }}

// push appends datagram i of b, which is a query, and reports whether there was room.
func (l *backlog) push(b *batch, i int) bool {
	m := &b.queries[i]
	control, data := b.controls[i].raw[:m.hdr.Controllen], b.queryBuf[i][:m.n]
	start, ok := l.place(len(control) + len(data))
	if !ok {
		return false
	}
	n := copy(l.octets[start:], control)
	l.end = start + n + copy(l.octets[start+n:], data)
	l.queries[(l.first+l.count)%backlogMost] = parked{
		b.names[i], m.hdr.Namelen, int32(start), int32(len(control)), int32(len(data)), // #nosec G115 -- less than backlogRoom
	}
	l.count++
	return true
}

// place finds room for n octets in one piece.
func (l *backlog) place(n int) (start int, ok bool) {
	if l.count == 0 {
		return 0, true
	}
	oldest := int(l.queries[l.first].start)
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
	b.names[i], m.hdr.Namelen, m.hdr.Flags = q.name, q.nameLen, 0
	octets := l.octets[q.start:]
	m.hdr.SetControllen(copy(b.controls[i].raw[:], octets[:q.controlLen]))
	m.n = uint32(copy(b.queryBuf[i][:], octets[q.controlLen:q.controlLen+q.dataLen])) // #nosec G115 -- queryRoom at most
	l.first = (l.first + 1) % backlogMost
	if l.count--; l.count == 0 {
		l.first = 0 // what has not been needed yet takes no memory
	}
}
