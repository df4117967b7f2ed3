package upstream

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestQuery(t *testing.T) {
	q, ok := appendQuery(nil, "a.bc.", typeNS, true)
	want := "\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x02bc\x00\x00\x02\x00\x01"
	if !ok || string(q) != want {
		t.Errorf("%q", q)
	}
	if q, ok = appendQuery(nil, ".", typeNS, false); !ok || string(q[2:]) != "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01" {
		t.Errorf("root: %q", q)
	}
	for _, bad := range []string{"a..b", ".a", strings.Repeat("a", 64), strings.Repeat("a.", 128)} {
		if _, ok := appendQuery(nil, bad, typeA, true); ok {
			t.Errorf("%.10s accepted", bad)
		}
	}
}

func TestSameQuestion(t *testing.T) {
	a := []byte("\x03Foo\x00\x00\x01\x00\x01")
	for b, want := range map[string]bool{
		"\x03fOO\x00\x00\x01\x00\x01": true,
		"\x03fop\x00\x00\x01\x00\x01": false,
		"\x03foo\x00\x00\x1c\x00\x01": false,
		"\x03foo\x00\x00\x01\x00\x03": false,
		"\x03foo\x00\x00\x01\x00":     false,
		"\x03FO\x4f\x00\x00A\x00\x01": false, // types are not letters
	} {
		if sameQuestion(a, []byte(b)) != want {
			t.Errorf("%q: not %v", b, want)
		}
	}
}

// A message with an A record behind a CNAME, an AAAA record, a broken one, and an OPT record.
func message(t *testing.T) []byte {
	m := response(queryFor(t, "a.example"))
	m[7], m[11] = 4, 1
	m = append(m, "\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x63\x00\x04\x01b\xc0\x0e"...)
	m = append(m, "\x01b\xc0\x0e\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04\x0a\x00\x00\x01"...)
	m = append(m, "\x01b\xc0\x0e\x00\x1c\x00\x01\x00\x00\x00\x05\x00\x10\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"...)
	m = append(m, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x03\x0a\x00\x00"...)
	return append(m, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0a\x00\x0a\x00\x00\x00\x0b\x00\x02\x00\x1e"...)
}

func TestAddresses(t *testing.T) {
	addrs, ttl := addresses(message(t))
	want := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
	if !slices.Equal(addrs, want) || ttl != 5*time.Second {
		t.Errorf("%v, %v", addrs, ttl)
	}
}

func TestKeepaliveOption(t *testing.T) {
	m := message(t)
	if d, ok := keepalive(m); !ok || d != 3*time.Second {
		t.Errorf("%v %v", d, ok)
	}
	m[11] = 0 // then the record is no part of the message
	if d, ok := keepalive(m); ok {
		t.Errorf("no OPT record: %v", d)
	}
	// An empty option, as a query has it, says nothing (RFC 7828 section 3.1).
	m = response(queryFor(t, "a.example"))
	m[11] = 1
	m = append(m, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x04\x00\x0b\x00\x00"...)
	if d, ok := keepalive(m); ok {
		t.Errorf("empty option: %v", d)
	}
}

func FuzzMessage(f *testing.F) {
	q, _ := appendQuery(nil, "a.example", typeA, true)
	f.Add(response(q))
	f.Add([]byte("\x00\x00\x80\x00\x00\x01\xff\xff\xff\xff\xff\xff\x00\x00\x01\x00\x01\xc0\x0c\x00\x29\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, m []byte) {
		keepalive(m)
		addresses(m)
		asked, ok := question(m)
		if !ok {
			return
		}
		if !bytes.HasPrefix(m[headerLen:], asked) || !sameQuestion(asked, asked) {
			t.Errorf("question %x of %x", asked, m)
		}
		if query := bytes.Clone(m); answers(response(m), query, asked) {
			if got := appendAnswer([]byte("x"), response(m), query, asked); !bytes.HasSuffix(got, m[3:]) {
				t.Errorf("%x became %x", m, got)
			}
		}
	})
}
