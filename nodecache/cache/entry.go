package cache

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// entry is one answer or failure. Its data never changes, so a reply is copied without a lock.
type entry struct {
	data    []byte // the message, the offsets of its TTLs, two bytes each, and the text of why
	size    uint16 // of the message
	why     reason
	bits    byte // the key's last byte; the rest of the key is the question
	kind    wire.Kind
	alias   bool // see wire.Verdict
	run     wire.Run
	stored  time.Duration
	expires time.Duration
	fault   *fault                  // of a failure; nil for an answer
	off     atomic.Pointer[recheck] // of an expired answer; nil if upstream may be asked
	moved   uint64                  // see part; the shard's lock guards it

	turn  atomic.Uint32 // how often it was given, which decides the order of addresses
	hits  atomic.Uint32 // see Popularity
	last  atomic.Int64  // time of the last hit
	taken atomic.Int64  // when an asker claimed the prefetch or retry; 0 for never
}

// reason is the extended error of an answer (RFC 8914), or why there is none.
type reason struct {
	set  bool
	text uint8 // length of the text
	code wire.ErrorCode
}

// recheck is why upstream is not asked again for an expired answer, and until when.
type recheck struct {
	*fault
	until time.Duration
}

// overhead is what an entry takes beside its data, in bytes: the entry itself, its place in the
// list and its place in the map. A test compares the sum with the heap.
const overhead = 256

// weight returns the bytes that e takes in memory.
func (e *entry) weight() int64 { return int64(cap(e.data)) + overhead }

// newEntry returns an entry for the question of key. It copies msg, which must be repacked, and the text
// of why.
func newEntry(key, msg []byte, why wire.Error, now, life time.Duration) *entry {
	name := len(key) - 5
	text := why.Text[:min(len(why.Text), wire.MaxErrorText)]
	e := &entry{size: uint16(len(msg)), bits: key[len(key)-1], stored: now, expires: now + life}
	e.why = reason{why.Set, uint8(len(text)), why.Code}
	e.data = append(make([]byte, 0, len(msg)+2*records(msg)+len(text)), msg...)
	m := wire.Message(e.data)
	copy(m[wire.HeaderLen:], key[:name])
	e.run = m.AddressRun()
	for w := wire.Walk(msg); w.Next(); {
		e.data = binary.BigEndian.AppendUint16(e.data, uint16(w.TTLOffset()))
	}
	e.data = append(e.data, text...)
	return e
}

// ttls returns the offsets of the TTLs.
func (e *entry) ttls() []byte { return e.data[e.size : len(e.data)-int(e.why.text)] }

// extended returns the extended error. Its text is a view of e, which never changes.
func (e *entry) extended() wire.Error {
	return wire.Error{Set: e.why.set, Code: e.why.code, Text: e.data[len(e.data)-int(e.why.text):]}
}

// records counts the records of msg.
func records(msg []byte) (n int) {
	for w := wire.Walk(msg); w.Next(); {
		n++
	}
	return n
}

// is reports whether e is for the question of key.
func (e *entry) is(key []byte) bool {
	last := len(key) - 1
	end := wire.HeaderLen + last
	return key[last] == e.bits && int(e.size) >= end && bytes.Equal(key[:last], e.data[wire.HeaderLen:end])
}

// fresh reports whether e has not expired. A failure must not have been cleared either.
func (e *entry) fresh(now time.Duration) bool {
	return now < e.expires && (e.fault == nil || !e.fault.cleared(now-e.stored))
}

// stale reports whether e expired less than window ago, or is still fresh.
func (e *entry) stale(now, window time.Duration) bool { return now-e.expires < window }

// isOff reports whether e is an expired answer that may still be used, and upstream is not to be
// asked for it yet.
func (e *entry) isOff(now time.Duration, p *Policy) bool {
	off := e.off.Load()
	return off != nil && now < off.until && !off.cleared(0) && e.stale(now, p.Stale)
}

// deniesName reports whether e says that the name of its question does not exist.
func (e *entry) deniesName() bool { return e.kind == wire.NoName && !e.alias }

// name returns the name of e's question: a view, in lower case.
func (e *entry) name() wire.Name {
	name, _, _, _ := wire.Message(e.data[:e.size]).Question()
	return name
}

// leadsTo reports whether an alias in e's answer points to name or to a name below it.
func (e *entry) leadsTo(name wire.Name) bool {
	m := e.data[:e.size]
	for w := wire.Walk(m); w.Next() && w.Section == wire.Answer; {
		var buf [wire.MaxName]byte
		if w.Type != wire.CNAME {
			continue
		}
		if target, _, ok := wire.AppendName(buf[:0], m, w.Data); ok && wire.Name(target).Below(name) {
			return true
		}
	}
	return false
}

// age returns the whole seconds since e was stored.
func (e *entry) age(now time.Duration) uint32 {
	return uint32(max(now-e.stored, 0) / time.Second)
}

// appendFresh appends the reply to q. Its TTLs have aged, unless p keeps them.
func (e *entry) appendFresh(dst []byte, q *wire.Query, p *Policy, now time.Duration) []byte {
	start := len(dst)
	dst = e.append(dst, q)
	if !p.KeepTTL {
		e.ageTTLs(dst[start:], e.age(now))
	}
	return dst
}

// append appends the reply to q, with the TTLs that were stored.
func (e *entry) append(dst []byte, q *wire.Query) []byte {
	start := len(dst)
	dst = e.turned(dst)
	wire.Message(dst[start:]).FinishReply(q)
	return dst
}

// turned appends the message with its addresses rotated one step further than last time.
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

// ageTTLs subtracts seconds from every TTL of m, a copy of e's message. No TTL reaches 0: the
// least of them is e's life, and once e has expired its TTLs are not aged.
func (e *entry) ageTTLs(m []byte, seconds uint32) {
	for at := e.ttls(); len(at) >= 2 && seconds > 0; at = at[2:] {
		ttl := m[binary.BigEndian.Uint16(at):]
		left := binary.BigEndian.Uint32(ttl)
		binary.BigEndian.PutUint32(ttl, max(left, seconds+1)-seconds)
	}
}

// setTTLs writes ttl into every record of m, a copy of e's message.
func (e *entry) setTTLs(m []byte, ttl uint32) {
	for at := e.ttls(); len(at) >= 2; at = at[2:] {
		binary.BigEndian.PutUint32(m[binary.BigEndian.Uint16(at):], ttl)
	}
}

// appendFailure appends a reply with the code of a failure. For an expired answer for which
// upstream is not to be asked yet, the code is SERVFAIL.
func (e *entry) appendFailure(dst []byte, q *wire.Query, now time.Duration) ([]byte, wire.Error, State) {
	if e.fault == nil {
		return wire.AppendHeader(dst, q, wire.ServFail, wire.RA), wire.Error{}, Failed
	}
	dst = wire.AppendHeader(dst, q, wire.Message(e.data).HeaderRcode(), wire.RA)
	if e.retries(now) {
		return dst, e.extended(), Retry
	}
	return dst, e.extended(), Failed
}

// retries reports true to one asker once a SERVFAIL has been kept for half of its time, but not
// before a failure may end at all (RFC 9520, section 3.2).
func (e *entry) retries(now time.Duration) bool {
	return e.fault.times > 0 && now-e.stored >= max(shortestFailure, (e.expires-e.stored)/2) && e.claim(now)
}

// hit counts a hit and returns how many hits came in a row with no gap longer than gap.
func (e *entry) hit(now, gap time.Duration) uint32 {
	if last := e.last.Swap(int64(now)); now-time.Duration(last) > gap {
		e.hits.Store(0)
	}
	return e.hits.Add(1)
}

// claim reports true to the first asker. It does so again when that asker's time is over.
func (e *entry) claim(now time.Duration) bool {
	taken := e.taken.Load()
	if taken != 0 && now-time.Duration(taken) < claimed {
		return false
	}
	return e.taken.CompareAndSwap(taken, max(int64(now), 1))
}

// inherit takes over the popularity and the order of addresses of old, which e replaces.
func (e *entry) inherit(old *entry) {
	e.hits.Store(old.hits.Load())
	e.last.Store(old.last.Load())
	e.turn.Store(old.turn.Load())
}

// within returns e if the policy allows it as it is in its class. Otherwise it returns a copy
// that the policy allows, or nil if the policy allows none.
func (e *entry) within(c class, p *Policy) *entry {
	life, ttl := p.allows(c, e)
	switch {
	case life <= 0:
		return nil
	case e.expires-e.stored <= life && e.mostTTL() <= ttl:
		return e
	}
	n := &entry{
		data: bytes.Clone(e.data), size: e.size, why: e.why, bits: e.bits, kind: e.kind, alias: e.alias, run: e.run,
		stored: e.stored, expires: e.stored + min(e.expires-e.stored, life), fault: e.fault,
	}
	wire.Message(n.data[:n.size]).ClampTTLs(0, ttl)
	n.inherit(e)
	n.off.Store(e.off.Load())
	return n
}

// mostTTL returns the greatest TTL that was stored, in seconds.
func (e *entry) mostTTL() (ttl uint32) {
	for w := wire.Walk(e.data[:e.size]); w.Next(); {
		ttl = max(ttl, w.TTL)
	}
	return ttl
}
