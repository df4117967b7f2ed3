package listen

import (
	"encoding/binary"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// One queue holds the queries of all clients, so one that sends all it can makes the others
// wait, and when the queue is full the kernel drops theirs with its own. Receiving a datagram
// takes a fraction of what answering it takes. So when more is queued than one system call
// answers, the first few of each client are answered and the rest goes to a backlog. Of that,
// then, as many are answered as one system call sends, or a few while the queue has not been
// seen to its end, and the queue is looked at again. What the backlog has no room for is
// dropped.

// fairShare is how many queries of a client in one batch don't wait in the backlog.
const fairShare = 8

// ranks tells for each datagram of a batch how many of the same client stand before it.
// Clients are told apart by a hash, another for each batch, so that two which share one by
// chance don't for long.
type ranks struct {
	counts [1 << hashBits]uint8
	of     [batchSize]uint8
}

// hashBits are so many that two clients share a hash in one batch of 4,096.
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
		return uint64(name.Flowinfo) * key >> (64 - hashBits) // the IPv4 address stands in this place
	}
	high, low := binary.NativeEndian.Uint64(name.Addr[:8]), binary.NativeEndian.Uint64(name.Addr[8:])
	return (high*key>>32 ^ low) * key >> (64 - hashBits)
}

// answerFairly answers the first few of each client of the n datagrams of b, and then some of
// the backlog.
func (s *udpSocket) answerFairly(fd int, b *batch, n int) {
	s.answerFirst(fd, b, n)
	most := answersMost
	if n == batchSize {
		most = fairShare
	}
	for i := range min(most, s.backlog.count) {
		s.backlog.pop(b, i)
		s.answerOne(fd, b, i)
	}
}

// answerFirst answers the first few of each client of the n datagrams of b, and moves the
// others to the backlog. It leaves b free for more.
func (s *udpSocket) answerFirst(fd int, b *batch, n int) {
	b.ranks.fill(b.names[:n])
	for i, rank := range b.ranks.of[:n] {
		if rank < fairShare || !b.isQuery(i) {
			s.answerOne(fd, b, i)
		} else if !s.backlog.push(b, i) {
			s.count.shed.Add(1)
		}
	}
	s.send(fd, b)
}
