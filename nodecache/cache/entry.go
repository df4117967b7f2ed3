package cache

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// entry is one answer. Its data never changes, so that a reply is copied without a lock.
type entry struct {
	data    []byte // the message, and behind it where its TTLs stand, two bytes each
	size    uint16 // of the message
	bits    byte   // the key's last byte; the rest of the key is the question
	kind    wire.Kind
	alias   bool // see wire.Verdict
	run     wire.Run
	stored  time.Duration
	expires time.Duration
	fault   *fault                  // of a failure
	off     atomic.Pointer[recheck] // of what has expired
	moved   uint64                  // see part; the shard's lock guards it

	turn  atomic.Uint32 // answers given, for rotation
	hits  atomic.Uint32 // see Popularity
	last  atomic.Int64  // time of the last hit
	taken atomic.Int64  // time when an asker claimed the prefetch, 0 for never
}

// recheck is why upstream is not asked again for an answer that has expired, and until when.
type recheck struct {
	*fault
	until time.Duration
}

// overhead is what an entry takes beside its data: itself, its place in the list and in the
// map. A test holds the sum against the heap.
const overhead = 256

// weight returns the bytes that e takes in memory.
func (e *entry) weight() int64 { return int64(cap(e.data)) + overhead }

// newEntry returns an entry of a repacked message, which is copied, for the question of key.
func newEntry(key, msg []byte, now, life time.Duration) *entry {
	name := len(key) - 5
	e := &entry{size: uint16(len(msg)), bits: key[len(key)-1], stored: now, expires: now + life}
	e.data = append(make([]byte, 0, len(msg)+2*records(msg)), msg...)
	m := wire.Message(e.data)
	copy(m[wire.HeaderLen:], key[:name])
	e.run = m.AddressRun()
	for w := wire.Walk(msg); w.Next(); {
		e.data = binary.BigEndian.AppendUint16(e.data, uint16(w.TTLOffset()))
	}
	return e
}

// records counts the records of msg.
func records(msg []byte) (n int) {
	for w := wire.Walk(msg); w.Next(); {
		n++
	}
	return n
}

// is reports whether e answers the question of key.
func (e *entry) is(key []byte) bool {
	last := len(key) - 1
	end := wire.HeaderLen + last
	return key[last] == e.bits && int(e.size) >= end && bytes.Equal(key[:last], e.data[wire.HeaderLen:end])
}

// fresh reports whether e has not expired, nor been cleared if it is a failure.
func (e *entry) fresh(now time.Duration) bool {
	return now < e.expires && (e.fault == nil || !e.fault.cleared(now-e.stored))
}

// stale reports whether e expired no longer ago than window. A fresh one counts too.
func (e *entry) stale(now, window time.Duration) bool { return now-e.expires < window }

// isOff reports whether e has expired, may be used all the same, and is not asked for again yet.
func (e *entry) isOff(now time.Duration, p *Policy) bool {
	off := e.off.Load()
	return off != nil && now < off.until && !off.cleared(0) && e.stale(now, p.Stale)
}

// age returns the whole seconds since e was stored.
func (e *entry) age(now time.Duration) uint32 {
	return uint32(max(now-e.stored, 0) / time.Second)
}

// append appends the reply to q, with the TTLs that were stored.
func (e *entry) append(dst []byte, q *wire.Query) []byte {
	start := len(dst)
	dst = e.turned(dst)
	wire.Message(dst[start:]).FinishReply(q)
	return dst
}

// turned appends the message, its addresses turned by one more than last time.
func (e *entry) turned(dst []byte) []byte {
	if e.run.Count == 0 {
		return append(dst, e.data[:e.size]...)
	}
	turn := int(e.turn.Add(1) % uint32(e.run.Count))
	begin, end := e.run.Start, e.run.Start+e.run.Len()
	middle := begin + turn*e.run.Size
	dst = append(dst, e.data[:begin]...)
	dst = append(dst, e.data[middle:end]...)
	dst = append(dst, e.data[begin:middle]...)
	return append(dst, e.data[end:e.size]...)
}

// ageTTLs takes seconds off every TTL of a copy of e's message. None reaches 0: the least of
// them is the life of e, and an expired e is not used this way.
func (e *entry) ageTTLs(m []byte, seconds uint32) {
	for at := e.data[e.size:]; len(at) >= 2 && seconds > 0; at = at[2:] {
		ttl := m[binary.BigEndian.Uint16(at):]
		left := binary.BigEndian.Uint32(ttl)
		binary.BigEndian.PutUint32(ttl, max(left, seconds+1)-seconds)
	}
}

// setTTLs writes ttl into every record of a copy of e's message.
func (e *entry) setTTLs(m []byte, ttl uint32) {
	for at := e.data[e.size:]; len(at) >= 2; at = at[2:] {
		binary.BigEndian.PutUint32(m[binary.BigEndian.Uint16(at):], ttl)
	}
}

// hit counts a hit and returns how many came without a longer gap.
func (e *entry) hit(now, gap time.Duration) uint32 {
	if last := e.last.Swap(int64(now)); now-time.Duration(last) > gap {
		e.hits.Store(0)
	}
	return e.hits.Add(1)
}

// claim reports true to the first asker, and again once that one has had its time.
func (e *entry) claim(now time.Duration) bool {
	taken := e.taken.Load()
	if taken != 0 && now-time.Duration(taken) < claimed {
		return false
	}
	return e.taken.CompareAndSwap(taken, max(int64(now), 1))
}

// inherit takes over how popular the answer was that e replaces.
func (e *entry) inherit(old *entry) {
	e.hits.Store(old.hits.Load())
	e.last.Store(old.last.Load())
	e.turn.Store(old.turn.Load())
}
