package hard

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// forged is the address in every answer that must not be believed.
var forged = netip.MustParseAddr("192.0.2.66")

// lifetime is the TTL of right answers and denials, in seconds.
const lifetime = 300

// addressOf returns the one right address of a name in lower case.
func addressOf(name string) netip.Addr {
	h := fnv.New32a()
	h.Write([]byte(name))
	b := binary.BigEndian.AppendUint32(nil, h.Sum32())
	return netip.AddrFrom4([4]byte{10, b[1], b[2], b[3]})
}

// newServer starts a server that answers rightly, one query of a connection after the other.
func newServer(t *testing.T) *testkit.Server {
	t.Helper()
	return testkit.Start(t, &testkit.Server{Play: answers, InOrder: true})
}

// answers answers a query rightly, as servers should.
func answers(s *testkit.Session, q wire.Message) { s.Send(right(q)) }

// right returns the right answer to a query.
func right(q wire.Message) wire.Message { return with(q, addressOf(testkit.NameOf(q)), lifetime) }

// wrong returns an answer with an address that must not be believed.
func wrong(q wire.Message) wire.Message { return with(q, forged, lifetime) }

// with returns an answer with one address. Other types than A have no data.
func with(q wire.Message, addr netip.Addr, ttl uint32) wire.Message {
	m := bare(q)
	if _, t, _, _ := q.Question(); t != wire.A {
		return withSOA(m, ttl)
	}
	return wire.AppendRecord(m, 0, wire.Answer, nil, wire.A, wire.IN, ttl, addr.AsSlice())
}

// denial returns an NXDOMAIN.
func denial(q wire.Message, ttl uint32) wire.Message {
	m := bare(q)
	m.SetFlags(wire.Flags(wire.NXDomain), 0)
	return withSOA(m, ttl)
}

// code returns an answer without records.
func code(q wire.Message, rcode wire.Rcode) wire.Message {
	m := bare(q)
	m.SetFlags(wire.Flags(rcode), 0)
	return m
}

// withSOA adds an SOA record whose TTL and minimum are the same.
func withSOA(m wire.Message, ttl uint32) wire.Message {
	soa := []byte("\x02ns\x00\x00")
	for _, n := range []uint32{1, 3600, 600, 86400, ttl} {
		soa = binary.BigEndian.AppendUint32(soa, n)
	}
	return wire.AppendRecord(m, 0, wire.Authority, wire.Name{0}, wire.SOA, wire.IN, ttl, soa)
}

// bare returns q as a response.
func bare(q wire.Message) wire.Message {
	m := wire.Message(wire.Message(bytes.Clone(q)).StripOPT())
	m.SetFlags(wire.QR|wire.RA, wire.AD)
	return m
}
