package listen

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// One queue holds the queries of all clients, so one that sends all it can makes the others
// wait, and when the queue is full the kernel drops theirs with its own. Receiving a datagram
// takes a fraction of what answering it takes. So while the queue is long, the first few of
// each client in what was received go first; and while it keeps overflowing, the rest is
// dropped, which empties it faster than it fills.
const (
	// fairShare is how many queries of a client in one batch go first.
	fairShare = 8

	// shedAfter is how long the queue must overflow before we drop: a burst is soon over, and
	// dropping would lose more of it.
	shedAfter = 50 * time.Millisecond

	// shedFor is how long we drop once there is no more reason to, and calmAfter how long
	// after an overflow another one is a new one.
	shedFor   = 100 * time.Millisecond
	calmAfter = time.Second
)

// ranks tells for each datagram of a batch how many of the same client stand before it.
// Clients are told apart by a hash of one octet, another for each batch, so that two which
// share one by chance don't for long.
type ranks struct {
	counts [256]uint8
	of     [batchSize]uint8
}

// fill ranks all names.
func (r *ranks) fill(names *[batchSize]unix.RawSockaddrInet6) {
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

// answerFairly answers a full batch, the first few of each client first.
func (s *udpSocket) answerFairly(fd int, b *batch) {
	b.ranks.fill(&b.names)
	for i, rank := range b.ranks.of {
		if rank < fairShare {
			s.answerOne(fd, b, i)
		}
	}
	s.send(fd, b)
	shed := s.overload.check(fd, time.Now())
	for i, rank := range b.ranks.of {
		switch {
		case rank < fairShare:
		case shed:
			s.count.shed.Add(1)
			s.overload.shedding(time.Now())
		default:
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

// check reports whether to drop.
func (o *overload) check(fd int, now time.Time) bool {
	if drops := o.info.drops(fd); drops != o.drops {
		o.drops = drops
		if now.Sub(o.since) > calmAfter {
			o.since = now
		}
		if now.Sub(o.since) >= shedAfter {
			o.until = now.Add(shedFor)
		}
	}
	return now.Before(o.until)
}

// shedding goes on dropping for as long as there is something to drop.
func (o *overload) shedding(now time.Time) { o.until = now.Add(shedFor) }
