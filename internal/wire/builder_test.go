package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/miekg/dns"
)

// services returns a response with n SRV records and the addresses of their targets.
func services(t testing.TB, n int) *dns.Msg {
	m := reply(t, question("db.example.", dns.TypeSRV))
	for i := range n {
		m.Answer = append(m.Answer, rr(t, fmt.Sprintf("db.example. 5 SRV 0 1 80 db-%d.db.example.", i)))
		m.Extra = append(m.Extra, rr(t, fmt.Sprintf("db-%d.db.example. 5 A 10.0.0.%d", i, i)))
	}
	m.Ns = rrs(t, "example. 5 NS ns.example.")
	return m
}

// build writes the records of m as the reply to q.
func build(t testing.TB, m *dns.Msg, q *Query, size int, o *Options) []byte {
	b := new(Builder)
	b.Open([]byte("xx"), q, NoError, AA, size, o)
	for s, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, record := range section {
			h := record.Header()
			b.Compress(nameOf(t, h.Name))
			b.Fixed(Type(h.Rrtype), h.Ttl)
			switch record := record.(type) {
			case *dns.SRV:
				b.Buf = append(b.Buf, 0, byte(record.Priority), 0, byte(record.Weight), 0, byte(record.Port))
				at := b.Offset()
				b.Compress(nameOf(t, record.Target)) // learns the name
				b.Buf = append(b.Buf[:2+at], nameOf(t, record.Target)...)
			case *dns.NS:
				b.Compress(nameOf(t, record.Ns))
			case *dns.A:
				b.Buf = append(b.Buf, record.A.To4()...)
			}
			if !b.End(Section(s)) {
				return b.Close(false)[2:]
			}
		}
	}
	return b.Close(false)[2:]
}

func nameOf(t testing.TB, text string) Name {
	n, err := ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBuilder cuts a reply at every size: what is left is what another library leaves, and TC is set
// whenever a record is missing.
func TestBuilder(t *testing.T) {
	for _, edns := range []bool{false, true} {
		for size := 512; size < 1300; size++ {
			query := question("db.example.", dns.TypeSRV)
			want := services(t, 20)
			if edns {
				withOPT(query, uint16(size), true)
				withOPT(want, 1232, true)
			}
			q := parse(t, query)
			want.Truncate(size)
			b := build(t, services(t, 20), q, size, nil)
			got := unpack(t, b)
			if len(b) > size || got.Truncated != want.Truncated || len(got.Answer) != len(want.Answer) ||
				len(got.Ns) != len(want.Ns) || len(got.Extra) != len(want.Extra) || !got.Authoritative {
				t.Fatalf("EDNS %v, %d bytes: %d bytes, TC %v, %d, %d, %d records; want TC %v, %d, %d, %d", edns, size, len(b),
					got.Truncated, len(got.Answer), len(got.Ns), len(got.Extra), want.Truncated, len(want.Answer), len(want.Ns), len(want.Extra))
			}
		}
	}
}

// TestBuilderEnds shows that nothing follows a record that was left out, and that pointers reach no
// farther than they can (RFC 1035, section 4.1.4).
func TestBuilderEnds(t *testing.T) {
	q := parse(t, question("db.example.", dns.TypeTXT))
	b := new(Builder)
	record := func(length int) bool {
		b.Point(HeaderLen)
		b.Fixed(TXT, 5)
		b.Buf = append(b.Buf, make([]byte, length)...)
		return b.End(Answer)
	}
	b.Open(nil, q, NoError, 0, 512, nil)
	if !record(100) || record(1000) || record(1) || !b.Cut() || len(b.Buf) != 28+112 {
		t.Errorf("%d bytes, cut %v", len(b.Buf), b.Cut())
	}
	if m := unpack(t, b.Close(false)); !m.Truncated || len(m.Answer) != 1 {
		t.Error(m)
	}
	b.Open(nil, q, NoError, 0, MaxMessage, nil)
	if record(1); b.Cut() || unpack(t, b.Close(false)).Truncated {
		t.Error("the cut of another message stays")
	}
	if m := unpack(t, b.Close(true)); !m.Truncated {
		t.Error(m)
	}
	before := bytes.Clone(b.Buf)
	if b.Point(0x4000) || !bytes.Equal(b.Buf, before) || !b.Point(0x3FFF) {
		t.Error("a pointer reaches as far as 14 bits do")
	}
}

// TestBuilderExtendedErrorRFC8914 adds an extended error at every size: the same records are left as
// without it, TC is the same, and of the text there is as much as fits, in whole characters.
func TestBuilderExtendedErrorRFC8914(t *testing.T) {
	text := "no such namespace: größer"
	for size := 512; size < 1300; size++ {
		q := parse(t, withOPT(question("db.example.", dns.TypeSRV), uint16(size), false))
		plain := build(t, services(t, 20), q, size, &Options{})
		b := build(t, services(t, 20), q, size, &Options{Error: Error{Set: true, Code: NotReady, Text: []byte(text)}})
		want, got := unpack(t, plain), unpack(t, b)
		if len(b) > size || got.Truncated != want.Truncated || len(got.Answer) != len(want.Answer) || len(got.Extra) != len(want.Extra) {
			t.Fatalf("%d bytes: %d bytes, TC %v, %d and %d records; want TC %v, %d, %d", size, len(b), got.Truncated,
				len(got.Answer), len(got.Extra), want.Truncated, len(want.Answer), len(want.Extra))
		}
		room, options := size-len(plain), got.IsEdns0().Option
		if room < 6 {
			if len(options) > 0 {
				t.Errorf("%d bytes: %v", size, options)
			}
			continue
		}
		e := options[0].(*dns.EDNS0_EDE)
		if e.InfoCode != uint16(NotReady) || !strings.HasPrefix(text, e.ExtraText) || !utf8.ValidString(e.ExtraText) || len(e.ExtraText) < min(room-6, len(text))-1 {
			t.Errorf("%d bytes, room for %d: %v", size, room, e)
		}
	}
}
