package listen

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// One queue holds the queries of all clients, so one that sends all it can makes the others
// wait, and when the queue is full the kernel drops theirs with its own. Receiving a datagram
// takes a fraction of what answering it takes. So of a batch that is more than one system call
// answers, the first few of each client go first; and while the queue keeps overflowing, the
// rest is dropped, which empties it faster than it fills.
const (
	// fairShare is how many queries of a client in one batch go first.
	fairShare = 8

	// shedAfter is how long the queue must overflow before we drop: a burst is soon over, and
	// dropping would lose more of it.
	shedAfter = 50 * time.Millisecond

	// shedFor is how long we then drop. A full batch within calmAfter shows that it is not
	// over, and lets us drop again without another 50 ms of overflow.
	shedFor   = 200 * time.Millisecond
	calmAfter = time.Second
)

// ranks tells for each datagram of a batch how many of the same client stand before it.
// Clients are told apart by a hash of one octet, another for each batch, so that two which
// share one by chance don't for long.
type ranks struct {
	counts [256]uint8
	of     [batchSize]uint8
}

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

// hash maps an address, without its port, to one octet.
func hash(name *unix.RawSockaddrInet6, key uint64) uint8 {
	if name.Family == unix.AF_INET {
		return uint8(uint64(name.Flowinfo) * key >> 56) // the IPv4 address stands in this place
	}
	high, low := binary.NativeEndian.Uint64(name.Addr[:8]), binary.NativeEndian.Uint64(name.Addr[8:])
	return uint8((high*key>>32 ^ low) * key >> 56)
}

// answerFairly answers the n datagrams of b, the first few of each client first.
func (s *udpSocket) answerFairly(fd int, b *batch, n int) {
	b.ranks.fill(b.names[:n])
	excess := 0
	for i, rank := range b.ranks.of[:n] {
		if rank < fairShare {
			s.answerOne(fd, b, i)
		} else {
			excess++
		}
	}
	if excess == 0 {
		return
	}
	s.send(fd, b)
	if s.overload.check(fd, n, time.Now()) {
		s.count.shed.Add(uint64(excess))
		return
	}
	for i, rank := range b.ranks.of[:n] {
		if rank >= fairShare {
			s.answerOne(fd, b, i)
		}
	}
}

// overload watches the socket's queue overflow.
type overload struct {
	info  memInfo
	drops uint32    // how many the kernel had dropped when we last looked
	since time.Time // when the current overflow was first seen
	until time.Time // until when to drop
}

// check reports whether to drop from a batch of n. What is less than a full one has emptied
// the queue.
func (o *overload) check(fd, n int, now time.Time) bool {
	if n == batchSize && (o.long(fd, now) || now.Sub(o.until) < calmAfter) {
		o.until = now.Add(shedFor)
	}
	return now.Before(o.until)
}

// long reports whether the queue has overflowed again, and did so shedAfter ago already.
func (o *overload) long(fd int, now time.Time) bool {
	drops := o.info.drops(fd)
	if drops == o.drops {
		return false
	}
	o.drops = drops
	if now.Sub(o.since) > calmAfter {
		o.since = now
	}
	return now.Sub(o.since) >= shedAfter
}
