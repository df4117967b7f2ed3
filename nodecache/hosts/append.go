package hosts

import (
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/wire"
)

// State says what Append found.
type State uint8

// The outcomes of a lookup. A caller follows CoreDNS as said here.
const (
	// Elsewhere: the query is none of ours, being outside the zones, for an address without
	// names, or not of class IN. It goes on, whatever `fallthrough` says.
	Elsewhere State = iota
	// Absent: the name has no address. The query goes on if `fallthrough` covers the name, and
	// else is answered with SERVFAIL: there is no SOA record for an NXDOMAIN.
	Absent
	// Answered: a reply was appended, which is without records where the name has addresses of
	// the other family only.
	Answered
	// Unsupported: a reply without records was appended, as the name has addresses but the type
	// is not A, AAAA or PTR. With `fallthrough_unsupported`, and `fallthrough` covering the
	// name, the reply is given up and the query goes on.
	Unsupported
)

// Append appends the reply to q, without an OPT record, if t knows q's name: authoritative,
// records with a TTL of ttl seconds, and the letter case of the question. It may be longer
// than a message can be, so that wire.CloseReply sees that something is missing.
func (t *Table) Append(dst []byte, q *wire.Query, ttl uint32) (reply []byte, state State) {
	switch {
	case q.Class != wire.IN:
		return dst, Elsewhere
	case q.Type == wire.PTR:
		return t.appendReverse(dst, q, ttl)
	case !t.holds(q.Name):
		return dst, Elsewhere
	}
	var exact, wild [wire.MaxName]byte
	k := keysOf(q.Name, exact[:0], wild[:0])
	if !t.knows(k) {
		return dst, Absent
	}
	dst = t.appendForward(dst, q, k, ttl)
	if q.Type != wire.A && q.Type != wire.AAAA {
		return dst, Unsupported
	}
	return dst, Answered
}

// appendForward appends a reply with the addresses of the type asked for.
func (t *Table) appendForward(dst []byte, q *wire.Query, k keys, ttl uint32) []byte {
	start := len(dst)
	dst = wire.AppendHeader(dst, q, wire.NoError, wire.AA|wire.RA)
	for i, p := range t.parts {
		for _, addr := range p.find(k).of(q.Type) {
			if t.gave(i, q.Type, k, addr) {
				continue
			}
			if full(dst, start) {
				return dst
			}
			data := addr.As16()
			dst = wire.AppendRecord(dst, start, wire.Answer, nil, q.Type, wire.IN, ttl, data[16-addr.BitLen()/8:])
		}
	}
	return dst
}

// gave reports whether a part before the i-th has the address too.
func (t *Table) gave(i int, rtype wire.Type, k keys, addr netip.Addr) bool {
	for _, p := range t.parts[:i] {
		if slices.Contains(p.find(k).of(rtype), addr) {
			return true
		}
	}
	return false
}

// full reports whether the message at start can't be sent whole any more.
func full(dst []byte, start int) bool { return len(dst)-start > wire.MaxMessage }
