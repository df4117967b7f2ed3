package listen

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// blockRoom is the room of a block for what its queries said, octets. A query for a name
	// of the search path has 70.
	blockRoom = 64 * batchSize

	blockSize = int(unsafe.Sizeof(block{}))
)

// backlog holds the queries of clients that have sent more than their share, in the order of
// their arrival. They are copied, which takes less memory than to keep the batches that they
// came in. By default it holds more than the kernel's queue does, so that a burst of usual
// queries is not lost by moving it from there to here.
type backlog struct {
	most        int // blocks; 0 for none
	count       int // queries
	blocks      int
	first, last *block
}

// block is a piece of a backlog.
type block struct {
	next       *block
	queries    [batchSize]parked
	taken, end int // of queries
	used       int // of octets
	octets     [blockRoom]byte
}

// parked is one query in a backlog.
type parked struct {
	name                       unix.RawSockaddrInet6
	nameLen                    uint32
	flags                      int32
	start, controlLen, dataLen int32 // in octets: its control message, and what was sent
}

// blocks keeps blocks that are not in use, until the next garbage collection but one.
var blocks = sync.Pool{New: func() any { return new(block) }}

// push appends datagram i of b, which is a query, and reports whether there was room.
func (l *backlog) push(b *batch, i int) bool {
	m := &b.queries[i]
	control, data := b.controls[i].raw[:m.hdr.Controllen], b.queryBuf[i][:m.n]
	k := l.room(len(control) + len(data))
	if k == nil {
		return false
	}
	q := parked{b.names[i], m.hdr.Namelen, m.hdr.Flags, int32(k.used), int32(len(control)), int32(len(data))} // #nosec G115 -- blockRoom at most
	k.used += copy(k.octets[k.used:], control)
	k.used += copy(k.octets[k.used:], data)
	k.queries[k.end] = q
	k.end++
	l.count++
	return true
}

// room returns a block with room for one more query of n octets, or nil.
func (l *backlog) room(n int) *block {
	if k := l.last; k != nil && k.end < len(k.queries) && k.used+n <= len(k.octets) {
		return k
	}
	if l.blocks >= l.most {
		return nil
	}
	k := blocks.Get().(*block)
	k.next, k.taken, k.end, k.used = nil, 0, 0, 0
	if l.last == nil {
		l.first = k
	} else {
		l.last.next = k
	}
	l.last = k
	l.blocks++
	return k
}

// pop moves the oldest query to datagram i of b.
func (l *backlog) pop(b *batch, i int) {
	k := l.first
	q := &k.queries[k.taken]
	m := &b.queries[i]
	b.names[i], m.hdr.Namelen, m.hdr.Flags = q.name, q.nameLen, q.flags
	octets := k.octets[q.start:]
	m.hdr.SetControllen(copy(b.controls[i].raw[:], octets[:q.controlLen]))
	m.n = uint32(copy(b.queryBuf[i][:], octets[q.controlLen:q.controlLen+q.dataLen])) // #nosec G115 -- queryRoom at most
	l.count--
	if k.taken++; k.taken == k.end {
		l.drop()
	}
}

// drop gives the first block back, which is empty.
func (l *backlog) drop() {
	k := l.first
	if l.first = k.next; l.first == nil {
		l.last = nil
	}
	l.blocks--
	blocks.Put(k)
}
