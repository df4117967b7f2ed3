package upstream

import (
	"net/netip"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// newQuery returns a query that the Forward asks by itself, with an ID of 0.
func newQuery(name string, t wire.Type, recurse bool) ([]byte, error) {
	n, err := wire.ParseName(name)
	if err != nil {
		return nil, err
	}
	return wire.AppendQuery(nil, &wire.Query{RD: recurse, Name: n, Type: t, Class: wire.IN}, nil), nil
}

// newProbe returns query, one of newQuery's, in a version of EDNS that does not exist. A server
// says so (RFC 6891 section 6.1.3) without a look at the question. So that tells whether it
// lives, though whoever it would have to ask for the answer may not, and keeps no query that
// comes after it on a connection waiting.
func newProbe(query []byte) []byte {
	const version1 = 1 << 16
	bare := wire.Message(query).StripOPT()
	return wire.AppendRecord(bare, 0, wire.Additional, wire.Name{0}, wire.OPTRR, wire.Class(wire.UDPSize), version1, nil)
}

// appendAnswer appends m, which matches q. One that came without the question is cut to its
// header and given the question.
func appendAnswer(dst []byte, m wire.Message, q *wire.Query) []byte {
	if q.Asked(m) {
		return append(dst, m...)
	}
	return wire.AppendHeader(dst, q, wire.Rcode(rcode(m)), wire.RA)
}

// rcode returns the four bits of a response code that stand in the header.
func rcode(m wire.Message) uint8 { return uint8(m.Flags() & 0xf) }

// keepalive returns the idle time-out that a server announces in m (RFC 7828 section 3.3.2).
// Servers that echo the option of a query announce none.
func keepalive(m wire.Message) (timeout time.Duration, ok bool) {
	o, _ := m.OPT()
	return time.Duration(o.Timeout) * 100 * time.Millisecond, o.Timed
}

// addresses returns the addresses in the answer section of m and their least TTL.
func addresses(m wire.Message) (addrs []netip.Addr, ttl time.Duration) {
	for w := wire.Walk(m); w.Next(); {
		addr, ok := netip.AddrFromSlice(m[w.Data:w.End])
		if w.Section != wire.Answer || !ok || w.Type != typeFor(addr) {
			continue
		}
		if next := time.Duration(w.TTL) * time.Second; len(addrs) == 0 || next < ttl {
			ttl = next
		}
		addrs = append(addrs, addr.Unmap())
	}
	return addrs, ttl
}

// typeFor returns the type of the record that holds an address.
func typeFor(addr netip.Addr) wire.Type {
	if addr.Is4() {
		return wire.A
	}
	return wire.AAAA
}
