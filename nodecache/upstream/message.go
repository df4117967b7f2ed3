package upstream

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// ownQuery is a query that a Forward asks for itself.
type ownQuery struct {
	wire.Query
	msg []byte // with an ID of 0
}

// newQuery returns a query for a name and type, with an OPT record.
func newQuery(name string, t wire.Type, recurse bool) (*ownQuery, error) {
	n, err := wire.ParseName(name)
	if err != nil {
		return nil, err
	}
	q := wire.Query{RD: recurse, Name: n, Type: t, Class: wire.IN, EDNS: true}
	return &ownQuery{q, wire.AppendQuery(nil, &q, nil)}, nil
}

// bare returns q without the OPT record.
func (q *ownQuery) bare() *ownQuery {
	b := &ownQuery{q.Query, wire.Message(bytes.Clone(q.msg)).StripOPT()}
	b.EDNS = false
	return b
}

// unknownEDNS returns q in a version of EDNS that does not exist. A server answers that with
// BADVERS (RFC 6891 section 6.1.3) and doesn't look at the question. So the answer tells that the
// server lives, even while those whom it would have to ask for q do not, and the query holds up
// none that follow it on a connection.
func (q *ownQuery) unknownEDNS() *ownQuery {
	const version1 = 1 << 16
	u := q.bare()
	u.msg = wire.AppendRecord(u.msg, 0, wire.Additional, wire.Name{0}, wire.OPTRR, wire.Class(wire.UDPSize), version1, nil)
	u.EDNS = true
	return u
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
