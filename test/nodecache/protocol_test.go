package nodecache

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// both starts a node cache on one address of each family.
func both(t *testing.T, upstream netip.AddrPort) []netip.AddrPort {
	t.Helper()
	port := testkit.FreePort(t)
	addrs := []netip.AddrPort{
		netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), netip.AddrPortFrom(netip.IPv6Loopback(), port),
	}
	node := run.NodeCache(t, simple(upstream.String(), "", addrs...))
	for _, a := range addrs {
		node.Answers(a)
	}
	return addrs
}

// packed returns a query in wire form.
func packed(t *testing.T, name string) []byte {
	t.Helper()
	b, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLongQuery sends long datagrams. Up to 1,232 bytes are read: a longer query is answered with
// FORMERR, and a shorter one as if nothing followed its question. A response gets no answer,
// however long it is: else two servers could go on for ever. No reply is longer than its query.
func TestLongQuery(t *testing.T) {
	t.Parallel()
	for _, addr := range both(t, testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr) {
		c := dial(t, "udp", addr).Conn
		for size, rcode := range map[int]int{100: dns.RcodeSuccess, 1232: dns.RcodeSuccess, 1233: dns.RcodeFormatError, 4096: dns.RcodeFormatError, 65507: dns.RcodeFormatError} {
			query := append(packed(t, "a.example."), make([]byte, size)...)[:size]
			response := bytes.Clone(query)
			response[2] |= 0x80
			for _, datagram := range [][]byte{response, query} {
				if _, err := c.Write(datagram); err != nil {
					t.Fatal(err)
				}
			}
			buf := make([]byte, 65535)
			n, err := c.Read(buf)
			var m dns.Msg
			if err != nil || m.Unpack(buf[:n]) != nil || m.Id != binary.BigEndian.Uint16(query) || m.Rcode != rcode || len(m.Question) != 1 || n > size {
				t.Errorf("%v, %d bytes: %v, %v", addr, size, &m, err)
			}
		}
	}
}

// TestEmptyFrame sends an empty message over TCP after two queries, one of which needs upstream.
// Both are answered, and then the connection is closed (RFC 7766, section 8, has no such message).
func TestEmptyFrame(t *testing.T) {
	t.Parallel()
	for _, addr := range both(t, testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr) {
		run.Dig(t, addr, "a.example")
		var stream []byte
		for _, name := range []string{"a.example.", "new." + addr.Addr().String()[:1] + ".example.", "a.example."} {
			q := packed(t, name)
			stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(q))), q...)
		}
		c := dial(t, "tcp", addr).Conn
		if _, err := c.Write(append(stream, 0, 0, 'x')); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(c)
		answers := 0
		for rest := all; len(rest) > 2; answers++ {
			rest = rest[min(2+int(binary.BigEndian.Uint16(rest)), len(rest)):]
		}
		if err != nil || answers != 3 {
			t.Errorf("%v: %d answers, want 3: %x, %v", addr, answers, all, err)
		}
	}
}

// TestUnknownOpcode shows that the reply to an unknown opcode has only the ID, the opcode and RD of
// the query (RFC 8906, section 8.1.4).
func TestUnknownOpcode(t *testing.T) {
	t.Parallel()
	for _, addr := range both(t, testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr) {
		c := dial(t, "udp", addr).Conn
		for sent, want := range map[uint16]uint16{0x7800: 0xf804, 0x7fff: 0xf904, 0x2000: 0xa004, 0x2ff0: 0xa904} {
			query := binary.BigEndian.AppendUint16([]byte{0x12, 0x34}, sent)
			if _, err := c.Write(append(query, make([]byte, 8)...)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 512)
			n, err := c.Read(buf)
			if err != nil || n != 12 || binary.BigEndian.Uint16(buf[2:]) != want {
				t.Errorf("%v: flags %04x: %x, %v, want flags %04x", addr, sent, buf[:n], err, want)
			}
		}
	}
}

// TestCompressedNames has an upstream compress names in the data of types where that is not
// allowed. The node cache writes these names out (RFC 3597, section 4).
func TestCompressedNames(t *testing.T) {
	t.Parallel()
	data := map[wire.Type]string{
		wire.Type(dns.TypeNAPTR): "\x00\x01\x00\x02\x01s\x07SIP+D2U\x00", wire.Type(dns.TypeSRV): "\x00\x01\x00\x02\x00\x03", wire.Type(dns.TypeKX): "\x00\x01",
	}
	upstream := testkit.Serve(t, func(s *testkit.Session, q wire.Message) {
		_, of, _, _ := q.Question()
		rdata := append([]byte(data[of]), "\x03sip\xc0\x0e"...)
		s.Send(wire.AppendRecord(testkit.Response(q).StripOPT(), 0, wire.Answer, nil, of, wire.IN, 60, rdata))
	}).Addr
	for _, addr := range both(t, upstream) {
		for _, network := range []string{"+notcp", "+tcp"} {
			run.Equal(t, "NAPTR", run.Dig(t, addr, network, "a.example", "NAPTR"), `NOERROR; a.example. NAPTR 1 2 "s" "SIP+D2U" "" sip.example.`)
			run.Equal(t, "SRV", run.Dig(t, addr, network, "a.example", "SRV"), "NOERROR; a.example. SRV 1 2 3 sip.example.")
			run.Equal(t, "KX", run.Dig(t, addr, network, "a.example", "KX"), "NOERROR; a.example. KX 1 sip.example.")
		}
	}
}
