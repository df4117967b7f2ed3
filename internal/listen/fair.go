package listen

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// One queue of the kernel holds the datagrams of all clients. So a client that sends all it can
// makes the others wait, and if the queue is full, the kernel drops their datagrams with its own.
//
// Receiving a datagram takes a fraction of the time that answering it takes. So when more is
// queued than one system call answers, the socket answers the first few queries of each client
// and moves the others to a backlog. Then it answers some of the backlog: as many as one system
// call sends, or only a few as long as the queue may hold more. Then it looks at the queue again.
// It drops the queries for which the backlog has no room.

// fairShare is how many queries of one client in a batch do not go to the backlog.
const fairShare = 8

// ranks holds, for each datagram of a batch, how many datagrams of the same client stand before
// it. It tells clients apart by a hash with a different key for each batch, so that two clients
// with the same hash by chance do not have it for long.
type ranks struct {
	counts [1 << hashBits]uint8
	of     [batchSize]uint8
}

// hashBits makes two clients share a hash in one batch of 4,096.
const hashBits = 12

// fill ranks names, batchSize of them at most.
func (r *ranks) fill(names []unix.RawSockaddrInet6) {
	clear(r.counts[:])
	key := rand.Uint64() | 1
	for i := range names {
		h := hash(&names[i], key)
		r.of[i] = r.counts[h]
		r.counts[h]++
	}
}

// hash maps an address, without its port, to hashBits bits.
func hash(name *unix.RawSockaddrInet6, key uint64) uint64 {
	if name.Family == unix.AF_INET {
		return uint64(name.Flowinfo) * key >> (64 - hashBits) // an IPv4 address stands in this place
	}
	high, low := binary.NativeEndian.Uint64(name.Addr[:8]), binary.NativeEndian.Uint64(name.Addr[8:])
	return (high*key>>32 ^ low) * key >> (64 - hashBits)
}

const (
	// blockRoom is the room in a block for the content of its queries, in bytes. A query for a
	// name of the search path has 70.
	blockRoom = 64 * batchSize

	blockSize = int(unsafe.Sizeof(block{}))
)

// backlog holds queries of clients that have sent more than their share, in the order of arrival.
// It copies them, because that takes less memory than keeping the batches that they came in. By
// default it holds more than the kernel's queue does, so that a burst of ordinary queries is not
// lost by moving it from there to here.
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
	taken, end int // the queries between them are still here
	used       int // bytes of content
	content    [blockRoom]byte
}

// parked is one query in a backlog. In the content its control message stands before its data.
type parked struct {
	name                       unix.RawSockaddrInet6
	nameLen                    uint32
	flags                      int32
	start, controlLen, dataLen int32 // bytes
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
	q := parked{b.names[i], m.hdr.Namelen, m.hdr.Flags, int32(k.used), int32(len(control)), int32(len(data))}
	k.used += copy(k.content[k.used:], control)
	k.used += copy(k.content[k.used:], data)
	k.queries[k.end] = q
	k.end++
	l.count++
	return true
}

// room returns a block with room for one more query with n bytes of content, or nil.
func (l *backlog) room(n int) *block {
	if k := l.last; k != nil && k.end < len(k.queries) && k.used+n <= len(k.content) {
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
	content := k.content[q.start:]
	m.hdr.SetControllen(copy(b.controls[i].raw[:], content[:q.controlLen]))
	m.n = uint32(copy(b.queryBuf[i][:], content[q.controlLen:q.controlLen+q.dataLen]))
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
