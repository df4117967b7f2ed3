package upstream

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// message returns an answer with a CNAME, addresses behind it, one that is no address, and an OPT
// record.
func message(t *testing.T, options []byte) []byte {
	t.Helper()
	m := []byte(wire.Message(response(messageFor(t, "a.example"))).StripOPT())
	target := wire.Name("\x01b\x07example\x00")
	for _, r := range []struct {
		owner wire.Name
		t     wire.Type
		ttl   uint32
		data  string
	}{
		{nil, wire.CNAME, 99, string(target)},
		{target, wire.A, 30, "\x0a\x00\x00\x01"},
		{target, wire.AAAA, 5, "\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{target, wire.TXT, 1, "\x03not"},
		{target, wire.A, 1, "\x0a\x00\x00"},
	} {
		m = wire.AppendRecord(m, 0, wire.Answer, r.owner, r.t, wire.IN, r.ttl, []byte(r.data))
	}
	return wire.AppendRecord(m, 0, wire.Additional, wire.Name{0}, wire.OPTRR, wire.UDPSize, 0, options)
}

func TestAddresses(t *testing.T) {
	addrs, ttl := addresses(message(t, nil))
	want := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
	if !slices.Equal(addrs, want) || ttl != 5*time.Second {
		t.Errorf("%v, %v", addrs, ttl)
	}
}

// RFC 6891 section 6.1.3: a version of EDNS that the server does not know is answered with BADVERS.
func TestUnknownVersionRFC6891(t *testing.T) {
	query, err := newQuery("a.example", wire.NS, true)
	if err != nil {
		t.Fatal(err)
	}
	var q wire.Query
	if got := q.Parse(query.unknownVersion().msg); got != wire.BadVers || !q.Asked(query.msg) || !q.RD {
		t.Errorf("status %v of %+v", got, q)
	}
}

func TestAppendAnswer(t *testing.T) {
	q, query := queryFor(t, "A.example"), messageFor(t, "A.example")
	whole := response(query)
	if got := appendAnswer([]byte("x"), whole, q); !bytes.Equal(got[1:], whole) {
		t.Errorf("%x", got)
	}
	bare := wire.Message(append(withRcode(query, wire.Refused)[:4:4], make([]byte, 8)...))
	got := wire.Message(appendAnswer([]byte("x"), bare, q)[1:])
	if !q.Matches(got) || got.Rcode() != wire.Refused || !q.Asked(got) {
		t.Errorf("%x", got)
	}
}

// Whatever bytes a server sends, only what answers the query gets through.
func FuzzFrames(f *testing.F) {
	q, _ := newQuery("a.example", wire.A, true)
	f.Add(append([]byte{0, byte(len(q.msg))}, response(q.msg)...))
	f.Add([]byte("\x00\x02ab\x00\x0c\x00\x07\x80\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	fwd, err := New(Config{Servers: []Endpoint{{Addr: netip.MustParseAddrPort("127.0.0.1:9"), Proto: TCP}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(fwd.Close)
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := newConn(fwd.set.Load().order[0], Other, 1)
		call := fwd.call(nil, Other)
		call.askOwn(q)
		defer fwd.free(call)
		k := call.add(c.server, 1, false, false)
		call.asks[k].by, call.asks[k].id = c, 7
		c.slots[7] = slot{call, k, 1, false}
		c.live = 1
		rest, _ := c.frames(bytes.Clone(stream))
		if !bytes.HasSuffix(stream, rest) {
			t.Errorf("%x left of %x", rest, stream)
		}
		if n := call.look(); (n.have != none) != (len(c.slots) == 0) || n.have != none && !call.q.Matches(call.dst) {
			t.Errorf("%x became %x", stream, call.dst)
		}
	})
}
