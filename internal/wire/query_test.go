package wire

import (
	"bytes"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func cookie(hexes string) dns.EDNS0 {
	return &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hexes}
}

func TestParse(t *testing.T) {
	m := question("wWw.Example.COM.", dns.TypeAAAA)
	m.CheckingDisabled, m.AuthenticatedData = true, true
	withOPT(m, 4096, true, cookie("0102030405060708"), &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE},
		&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_PADDING{Padding: make([]byte, 9)})
	q := parse(t, m)
	if q.ID != 0x1234 || !q.RD || !q.CD || !q.AD || q.Type != AAAA || q.Class != IN || q.Name.String() != "wWw.Example.COM." {
		t.Errorf("%+v", q)
	}
	if !q.EDNS || q.UDPSize != 4096 || !q.DO || q.Version != 0 || !q.Keepalive || !bytes.Equal(q.Cookie, []byte{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("%+v", q.OPT)
	}
}

// TestParsePlain reads a query without EDNS, and one that advertises less than 512 bytes
// (RFC 6891, section 6.2.3).
func TestParsePlain(t *testing.T) {
	if q := parse(t, question("a.", dns.TypeA)); q.EDNS || q.UDPSize != 512 || q.Cookie != nil {
		t.Errorf("%+v", q)
	}
	if q := parse(t, withOPT(question("a.", dns.TypeA), 100, false)); !q.EDNS || q.UDPSize != 512 {
		t.Errorf("%+v", q)
	}
	if q := parse(t, question(".", dns.TypeNS)); !q.Name.IsRoot() || q.Name.String() != "." {
		t.Errorf("%+v", q)
	}
	chaos := question("version.bind.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	if q := parse(t, chaos); q.Class != CH || q.Type != TXT {
		t.Errorf("%+v", q)
	}
}

// twoOPTs returns a query with two OPT records.
func twoOPTs() *dns.Msg {
	m := withOPT(question("a.", dns.TypeA), 1232, false)
	m.Extra = append(m.Extra, dns.Copy(m.Extra[0]))
	return m
}

// misplacedOPT returns a query with its OPT record in the answer section.
func misplacedOPT() *dns.Msg {
	m := withOPT(question("a.", dns.TypeA), 1232, false)
	m.Answer, m.Extra = m.Extra, nil
	return m
}

func ownedOPT() *dns.Msg {
	m := withOPT(question("a.", dns.TypeA), 1232, false)
	m.Extra[0].Header().Name = "b."
	return m
}

func opcode(o int) *dns.Msg {
	m := question("a.", dns.TypeA)
	m.Opcode = o
	return m
}

func noQuestion(m *dns.Msg) *dns.Msg {
	m.Question = nil
	return m
}

func version(m *dns.Msg, v uint8) *dns.Msg {
	m.IsEdns0().SetVersion(v)
	return m
}

func TestStatus(t *testing.T) {
	plain := pack(t, question("a.example.", dns.TypeA))
	edit := func(m []byte, at int, b ...byte) []byte {
		m = slices.Clone(m)
		copy(m[at:], b)
		return m
	}
	of := func(m *dns.Msg) []byte { return pack(t, m) }
	with := func(o ...dns.EDNS0) []byte { return of(withOPT(question("a.", dns.TypeA), 1232, false, o...)) }
	for _, tt := range []struct {
		name string
		msg  []byte
		want Status
	}{
		{"nothing", nil, Drop},
		{"no whole header", plain[:11], Drop},
		{"a response", edit(plain, 2, 0x80), Drop},
		{"NOTIFY", of(opcode(dns.OpcodeNotify)), NotImp},
		{"UPDATE", of(opcode(dns.OpcodeUpdate)), NotImp},
		{"opcode 15", edit(plain, 2, 0x78), NotImp},
		{"opcode 6 of 12 bytes (RFC 8490)", append([]byte{0, 1, 0x30, 0}, make([]byte, 8)...), NotImp},
		{"QDCOUNT 0 (RFC 9619)", edit(plain, 5, 0), FormErr},
		{"QDCOUNT 0, OPT without a cookie", of(noQuestion(withOPT(question("a.", dns.TypeA), 1232, false))), FormErr},
		{"QDCOUNT 0, cookie of 8 (RFC 7873, 5.4)", of(noQuestion(withOPT(question("a.", dns.TypeA), 1232, false, cookie(fill(8))))), CookieOnly},
		{"QDCOUNT 0, cookie of 24 (RFC 7873, 5.4)", of(noQuestion(withOPT(question("a.", dns.TypeA), 1232, false, cookie(fill(24))))), CookieOnly},
		{"QDCOUNT 0, cookie of 9", of(noQuestion(withOPT(question("a.", dns.TypeA), 1232, false, cookie(fill(9))))), FormErr},
		{"QDCOUNT 0, version 1", of(version(noQuestion(withOPT(question("a.", dns.TypeA), 1232, false)), 1)), BadVers},
		{"QDCOUNT 2 (RFC 9619)", edit(plain, 5, 2), FormErr},
		{"QDCOUNT 256", edit(plain, 4, 1, 0), FormErr},
		{"header alone", plain[:12], FormErr},
		{"no class", plain[:len(plain)-1], FormErr},
		{"a pointer in the question", edit(plain, 14, 0xC0, 12), FormErr},
		{"a label of 64", edit(plain, 12, 64), FormErr},
		{"a name of 256 bytes", longName(256), FormErr},
		{"a name of 255 bytes", longName(255), Valid},
		{"an answer that is not there", edit(plain, 7, 1), FormErr},
		{"an additional record that is not there", edit(plain, 11, 1), FormErr},
		{"bytes behind the end", append(slices.Clone(plain), 1, 2, 3), Valid},
		{"two OPTs (RFC 6891, 6.1.1)", of(twoOPTs()), FormErr},
		{"OPT in the answer section (RFC 6891, 6.1.1)", of(misplacedOPT()), FormErr},
		{"OPT with an owner (RFC 6891, 6.1.2)", of(ownedOPT()), FormErr},
		{"version 1", of(version(withOPT(question("a.", dns.TypeA), 1232, false), 1)), BadVers},
		{"version 1, cookie of no length", of(version(withOPT(question("a.", dns.TypeA), 1232, false, cookie("01")), 1)), BadVers},
		{"version 1, twice", of(version(twoOPTs(), 1)), FormErr},
		{"cookie of 8 (RFC 7873, 5.2.2)", with(cookie("0102030405060708")), Valid},
		{"cookie of 9", with(cookie("010203040506070809")), FormErr},
		{"cookie of 7", with(cookie("01020304050607")), FormErr},
		{"cookie of 15", with(cookie("0102030405060708090a0b0c0d0e0f")), FormErr},
		{"cookie of 16", with(cookie("0102030405060708090a0b0c0d0e0f10")), Valid},
		{"cookie of 40", with(cookie(fill(40))), Valid},
		{"cookie of 41", with(cookie(fill(41))), FormErr},
		{"cookie of 0", with(cookie("")), FormErr},
		{"a second cookie of 9 is not looked at", with(cookie("0102030405060708"), cookie("010203040506070809")), Valid},
		{"keepalive with a timeout", with(&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE, Timeout: 100}), Valid},
		{"keepalive of 3 bytes (RFC 7828, 3.1)", with(&dns.EDNS0_LOCAL{Code: dns.EDNS0TCPKEEPALIVE, Data: []byte{1, 2, 3}}), FormErr},
		{"an option that runs over the end", edit(with(&dns.EDNS0_LOCAL{Code: 65001, Data: []byte{1}}), 33, 9), FormErr},
		{"an unknown option", with(&dns.EDNS0_LOCAL{Code: 65001, Data: []byte{1}}), Valid},
	} {
		var q Query
		if got := q.Parse(tt.msg); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// fill returns n bytes in hexadecimal.
func fill(n int) string { return string(bytes.Repeat([]byte("ab"), n)) }

// longName returns a query for a name of that many bytes.
func longName(size int) []byte {
	msg := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for left := size - 1; left > 0; {
		n := min(left-1, 63)
		if left-1-n == 1 {
			n--
		}
		msg = append(append(msg, byte(n)), bytes.Repeat([]byte("x"), n)...)
		left -= 1 + n
	}
	return append(msg, 0, 0, 1, 0, 1)
}

// TestFaultKeepsQuestion shows that an error's reply can repeat the question.
func TestFaultKeepsQuestion(t *testing.T) {
	var q Query
	if s := q.Parse(pack(t, twoOPTs())); s != FormErr || q.Name == nil || !q.EDNS {
		t.Errorf("%d %+v", s, q)
	}
}

func TestMatches(t *testing.T) {
	ask := question("www.Example.", dns.TypeA)
	q := parse(t, ask)
	good := pack(t, reply(t, question("wWw.example.", dns.TypeA), "www.example. 5 A 10.0.0.1"))
	if !q.Matches(good) || !q.Asked(good) {
		t.Error("a response does not match")
	}
	bare := func(rcode byte) []byte { return append([]byte{0x12, 0x34, 0x81, rcode}, make([]byte, 8)...) }
	for what, msg := range map[string][]byte{
		"nothing":                 nil,
		"another ID":              append([]byte{9, 9}, good[2:]...),
		"the query":               pack(t, ask),
		"another opcode":          append([]byte{0x12, 0x34, 0xA1}, good[3:]...),
		"another type":            pack(t, reply(t, question("www.example.", dns.TypeAAAA))),
		"another name":            pack(t, reply(t, question("wwx.example.", dns.TypeA))),
		"a longer name":           pack(t, reply(t, question("www.example.a.", dns.TypeA))),
		"half a question":         good[:20],
		"no question, no error":   bare(0),
		"no question, NXDOMAIN":   bare(3),
		"two questions, of those": append([]byte{0x12, 0x34, 0x81, 0, 0, 2}, good[6:]...),
	} {
		if q.Matches(msg) {
			t.Errorf("%s matches", what)
		}
	}
	for _, rcode := range []byte{1, 2, 4, 5} {
		if !q.Matches(bare(rcode)) {
			t.Errorf("an error %d without a question does not match", rcode)
		}
	}
}

// TestParseMore shows that a query tells of records beside the OPT record, and of NSID in it.
func TestParseMore(t *testing.T) {
	nsid := &dns.EDNS0_NSID{Code: dns.EDNS0NSID}
	for _, tt := range []struct {
		m          *dns.Msg
		more, nsid bool
	}{
		{question("a.example.", dns.TypeA), false, false},
		{withOPT(question("a.example.", dns.TypeA), 1232, true, cookie("0102030405060708")), false, false},
		{withOPT(question("a.example.", dns.TypeA), 1232, true, cookie("0102030405060708"), nsid), false, true},
		{withOPT(question("a.example.", dns.TypeA).SetTsig("key.", dns.HmacSHA256, 300, 1), 1232, true, nsid), true, true},
	} {
		var q Query
		if status := q.Parse(pack(t, tt.m)); status != Valid || q.More != tt.more || q.NSID != tt.nsid {
			t.Errorf("%v: %d, more %v, NSID %v", tt.m, status, q.More, q.NSID)
		}
	}
}
