package wire

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// rich returns a response with records in every section and an OPT record.
func rich(t testing.TB) []byte {
	m := reply(t, question("www.example.", dns.TypeA),
		"www.example. 300 CNAME web.example.",
		"web.example. 60 A 10.0.0.1", "web.example. 60 A 10.0.0.2", "web.example. 60 A 10.0.0.3")
	m.Ns = rrs(t, "example. 3600 NS ns.example.")
	m.Extra = rrs(t, "ns.example. 2 A 10.0.0.53")
	m.Compress = true
	return pack(t, withOPT(m, 4096, true))
}

func ttls(m *dns.Msg) (list []uint32) {
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, r := range section {
			list = append(list, r.Header().Ttl)
		}
	}
	return list
}

const optTTL = 1 << 15 // the DO bit: an OPT record has no TTL (RFC 6891, section 6.1.3)

func TestTTLs(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(Message) bool
		want []uint32
	}{
		{"clamped", func(m Message) bool { return m.ClampTTLs(5, 100) }, []uint32{100, 60, 60, 60, 100, 5, optTTL}},
		{"all 30", func(m Message) bool { return m.ClampTTLs(30, 30) }, []uint32{30, 30, 30, 30, 30, 30, optTTL}},
	} {
		b := rich(t)
		if !tt.edit(b) {
			t.Errorf("%s: malformed", tt.name)
		}
		if got := ttls(unpack(t, b)); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if tt.edit(b[:len(b)-1]) {
			t.Errorf("%s: half a record is well-formed", tt.name)
		}
	}
}

func TestFlags(t *testing.T) {
	m := Message(rich(t))
	m.SetID(77)
	m.SetFlags(AD|TC, RD)
	got := unpack(t, m)
	if got.Id != 77 || m.ID() != 77 || !got.AuthenticatedData || !got.Truncated || got.RecursionDesired || !m.Truncated() {
		t.Error(got)
	}
	for size := range HeaderLen {
		short := m[:size]
		short.SetID(1)
		short.SetFlags(1, 2)
		if short.ID() != 0 || short.ClampTTLs(1, 1) || short.copyCase(Name{0}) || len(short.truncate(1)) != size || len(short.StripOPT()) != size {
			t.Errorf("%d bytes", size)
		}
	}
}

func TestCopyCase(t *testing.T) {
	m := Message(rich(t))
	if !m.copyCase(name(t, "wWw.EXample.")) || unpack(t, m).Answer[0].Header().Name != "wWw.EXample." {
		t.Error(unpack(t, m))
	}
	before := bytes.Clone(m)
	for _, other := range []string{"wwx.example.", "www.example.org.", ".", "w.example."} {
		if m.copyCase(name(t, other)) || !bytes.Equal(m, before) {
			t.Errorf("%s was taken", other)
		}
	}
	if m[:20].copyCase(name(t, "www.example.")) {
		t.Error("half a question was taken")
	}
}

// TestFinishReply gives AD to who asked with DO or AD alone (RFC 6840, section 5.8).
func TestFinishReply(t *testing.T) {
	for _, tt := range []struct{ do, ad bool }{{false, false}, {true, false}, {false, true}} {
		m := Message(rich(t))
		m.SetFlags(AD, RA)
		q := &Query{ID: 5, RD: false, CD: true, AD: tt.ad, Name: name(t, "WWW.example."), OPT: OPT{DO: tt.do}}
		m.FinishReply(q)
		got := unpack(t, m)
		if got.Id != 5 || got.RecursionDesired || !got.CheckingDisabled || !got.RecursionAvailable ||
			got.AuthenticatedData != (tt.do || tt.ad) || got.Question[0].Name != "WWW.example." {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestStripOPT(t *testing.T) {
	m := Message(rich(t)).StripOPT()
	if got := unpack(t, m); got.IsEdns0() != nil || len(got.Extra) != 1 || len(got.Answer) != 4 {
		t.Error(got)
	}
	if again := m.StripOPT(); len(again) != len(m) {
		t.Error("stripped twice")
	}
	first := withOPT(reply(t, question("a.", dns.TypeA), "a. 1 A 10.0.0.1"), 1232, false)
	first.Extra = append(first.Extra, rr(t, "b. 1 A 10.0.0.2"))
	if got := unpack(t, Message(pack(t, first)).StripOPT()); len(got.Extra) != 0 || len(got.Answer) != 1 {
		t.Error(got)
	}
}
