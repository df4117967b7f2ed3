package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// sample has records of every type with names in its data, and of some without.
func sample(t testing.TB) *dns.Msg {
	m := reply(t, question("www.Example.com.", dns.TypeANY),
		"www.example.com. 5 CNAME web.sub.example.com.", "web.sub.example.com. 5 A 10.0.0.1",
		"web.sub.example.com. 5 AAAA fd00::1", "example.com. 5 MX 10 mail.example.com.",
		"example.com. 5 SRV 1 2 3 host.sub.example.com.", "host.sub.example.com. 5 TXT \"a\" \"b\"",
		"1.0.0.10.in-addr.arpa. 5 PTR Web.Sub.example.com.", "d.example.com. 5 DNAME example.org.",
		"example.com. 5 RP a.example.com. b.example.com.", "example.com. 5 MINFO a.example.com. b.example.com.",
		"example.com. 5 AFSDB 1 a.example.com.", "example.com. 5 KX 1 a.example.com.", "example.com. 5 RT 1 a.example.com.",
		"example.com. 5 PX 1 a.example.com. b.example.com.", "example.com. 5 HTTPS 1 . alpn=h2",
		`example.com. 5 NAPTR 1 2 "s" "SIP" "" a.example.com.`, `example.com. 5 TYPE65280 \# 3 c00c01`,
		"example.com. 5 MB a.example.com.", "example.com. 5 NS ns.example.com.")
	m.Ns = rrs(t, "example.com. 7 SOA ns.example.com. root.example.com. 1 2 3 4 5")
	m.Extra = rrs(t, "mail.example.com. 5 A 10.0.0.2")
	return m
}

// text returns the records of m, and the header, in presentation form.
func text(m *dns.Msg) string {
	var b strings.Builder
	fmt.Fprintln(&b, m.MsgHdr, m.Question)
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, r := range section {
			fmt.Fprintln(&b, r)
		}
		fmt.Fprintln(&b)
	}
	return strings.ToLower(b.String())
}

func TestRepack(t *testing.T) {
	m := sample(t)
	want := text(m)
	for _, compress := range []bool{false, true} {
		m.Compress = compress
		withOPT(m, 1232, true)
		b := pack(t, m)
		m.Extra = m.Extra[:1]
		clean, ok := Repack([]byte("before"), append(b, "behind"...))
		if !ok || !bytes.HasPrefix(clean, []byte("before")) {
			t.Fatalf("compress %v: %q %v", compress, clean, ok)
		}
		clean = clean[len("before"):]
		if got := text(unpack(t, clean)); got != want {
			t.Errorf("compress %v: %s, want %s", compress, got, want)
		}
		again, ok := Repack(nil, clean)
		if !ok || !bytes.Equal(again, clean) {
			t.Errorf("compress %v: changes when packed again", compress)
		}
		if m.Compress = true; len(clean) > len(pack(t, m)) {
			t.Errorf("%d bytes, %d are enough", len(clean), len(pack(t, m)))
		}
	}
}

// TestRepackKeepsRoom makes an answer as servers send them over TCP fit a UDP reply.
func TestRepackKeepsRoom(t *testing.T) {
	m := reply(t, question("db.team-1.svc.cluster.local.", dns.TypeA))
	for i := range 50 {
		m.Answer = append(m.Answer, rr(t, fmt.Sprintf("db.team-1.svc.cluster.local. 5 A 10.0.0.%d", i)))
	}
	b := pack(t, m)
	clean, ok := Repack(nil, b)
	if !ok || len(b) < UDPSize || len(clean) != 12+28+1+4+50*16 {
		t.Errorf("%d bytes became %d", len(b), len(clean))
	}
	if run := Message(clean).AddressRun(); run.Count != 50 {
		t.Errorf("%+v", run)
	}
}

// TestRepackDecompresses what must not be compressed but was (RFC 3597, section 4).
func TestRepackDecompresses(t *testing.T) {
	b := pack(t, question("srv.example.", dns.TypeSRV))
	b = AppendRecord(b, 0, Answer, nil, SRV, IN, 5, []byte{0, 1, 0, 2, 0, 3, 1, 'a', 0xC0, 16})
	clean, ok := Repack(nil, b)
	if !ok || !bytes.HasSuffix(clean, []byte("\x00\x01\x00\x02\x00\x03\x01a\x07example\x00")) {
		t.Errorf("%q", clean)
	}
}

// TestRepackHopByHop leaves a signature and an OPT record out, wherever they stand.
func TestRepackHopByHop(t *testing.T) {
	m := withOPT(reply(t, question("a.", dns.TypeA), "a. 1 A 10.0.0.1"), 1232, false)
	m.Extra = append(m.Extra, rr(t, "b.a. 1 A 10.0.0.2"))
	m.SetTsig("key.", dns.HmacSHA256, 300, 0)
	b, _, err := dns.TsigGenerate(m, "c2VjcmV0", "", false)
	if err != nil {
		t.Fatal(err)
	}
	clean, ok := Repack(nil, b)
	if got := unpack(t, clean); !ok || len(got.Extra) != 1 || got.Extra[0].Header().Name != "b.a." {
		t.Error(got)
	}
}

func TestRepackMalformed(t *testing.T) {
	base := pack(t, question("a.example.", dns.TypeA))
	with := func(t Type, data string) []byte {
		return AppendRecord(slices.Clone(base), 0, Answer, nil, t, IN, 5, []byte(data))
	}
	for what, msg := range map[string][]byte{
		"nothing":                    nil,
		"no question":                make([]byte, 12),
		"A of 3 bytes":               with(A, "abc"),
		"A of 5 bytes":               with(A, "abcde"),
		"AAAA of 4 bytes":            with(AAAA, "abcd"),
		"CNAME of nothing":           with(CNAME, ""),
		"CNAME over its end":         with(CNAME, "\x05ab"),
		"CNAME and more":             with(CNAME, "\x01a\x00x"),
		"CNAME pointing at itself":   with(CNAME, "\xc0\x29"),
		"MX without a name":          with(MX, "\x00\x01"),
		"SRV of 3 bytes":             with(SRV, "abc"),
		"SOA without numbers":        with(SOA, "\x00\x00"),
		"SOA with one name":          with(SOA, "\x00"),
		"MINFO with one name":        with(minfo, "\x00"),
		"NAPTR without its order":    with(NAPTR, "\x00\x01"),
		"NAPTR with two strings":     with(NAPTR, "\x00\x01\x00\x01\x01a\x01b"),
		"NAPTR over its end":         with(NAPTR, "\x00\x01\x00\x01\x01a\x01b\x09c\x00"),
		"NAPTR without a name":       with(NAPTR, "\x00\x01\x00\x01\x01a\x01b\x01c"),
		"NAPTR and more":             with(NAPTR, "\x00\x01\x00\x01\x01a\x01b\x01c\x00x"),
		"RRSIG without a name":       with(RRSIG, "0123456789abcdefgh"),
		"RRSIG that is short":        with(RRSIG, "0123456789"),
		"NSEC of nothing":            with(NSEC, ""),
		"HIP without lengths":        with(hip, "\x01\x02"),
		"HIP over its end":           with(hip, "\x01\x02\x00\x09ab"),
		"HIP with half a name":       with(hip, "\x01\x02\x00\x01ab\x00\x03a"),
		"IPSECKEY without a name":    with(ipsecKey, "\x01\x03\x02"),
		"AMTRELAY and more":          with(amtRelay, "\x01\x03\x00x"),
		"SVCB without a name":        with(SVCB, "\x00\x01"),
		"half a record":              with(A, "abcd")[:30],
		"a count without records":    with(A, "abcd")[:len(base)],
		"a name in the next record":  append(with(CNAME, "\x01"), "a\x00"...),
		"a reserved label":           with(CNAME, "\x80a\x00"),
		"BADVERS":                    pack(t, withOPT(&dns.Msg{MsgHdr: dns.MsgHdr{Rcode: 16}, Question: question("a.", 1).Question}, 1232, false)),
		"an owner that points ahead": AppendRecord(slices.Clone(base), 0, Answer, Name("\xc0\x20"), A, IN, 1, []byte("abcd")),
	} {
		if clean, ok := Repack(nil, msg); ok || clean != nil {
			t.Errorf("%s: %q", what, clean)
		}
	}
}

// TestRepackManyNames writes names out once it can remember no more of them.
func TestRepackManyNames(t *testing.T) {
	m := reply(t, question("a.", dns.TypeTXT))
	for i := range 1500 {
		m.Answer = append(m.Answer, rr(t, fmt.Sprintf("n%d.zone-%d.example. 5 TXT x", i, i%7)))
	}
	clean, ok := Repack(nil, pack(t, m))
	if !ok || text(unpack(t, clean)) != text(m) {
		t.Error("records changed")
	}
}

// TestTakeFew leaves an answer of one set whose records are what they were, though the names in
// them pointed into what is gone (RFC 8482, section 4.1; RFC 1035, section 4.1.4).
func TestTakeFew(t *testing.T) {
	m := reply(t, question("example.com.", dns.TypeANY),
		"example.com. 5 RRSIG SOA 13 2 5 20300101000000 20250101000000 1 example.com. AAAA",
		"example.com. 5 MX 10 mail.sub.example.com.", "example.com. 5 TXT x", "example.com. 5 MX 20 other.sub.example.com.",
		"example.com. 5 RRSIG MX 13 2 5 20300101000000 20250101000000 1 example.com. AAAA")
	m.Ns = rrs(t, "example.com. 5 NS a.sub.example.com.")
	m.Extra = rrs(t, "mail.sub.example.com. 5 A 10.0.0.1")
	m.Compress = true
	got := unpack(t, TakeFew(append([]byte("before"), pack(t, m)...), len("before"))[len("before"):])
	m.Answer, m.Ns, m.Extra = []dns.RR{m.Answer[1], m.Answer[3], m.Answer[4]}, nil, nil
	if text(got) != text(m) {
		t.Errorf("%s, want %s", text(got), text(m))
	}
}

// FuzzTakeFew holds what is left against what was there: no record is new, and none is broken.
func FuzzTakeFew(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, msg []byte) {
		clean, ok := Repack(nil, msg)
		if !ok {
			return
		}
		inside, check := guarded(t, clean)
		few := TakeFew(inside[:len(inside):len(inside)], 0)
		check()
		var all, left dns.Msg
		if all.Unpack(clean) != nil {
			return
		}
		if err := left.Unpack(few); err != nil || len(few) > len(clean) {
			t.Fatalf("%v: %x of %x", err, few, clean)
		}
		for _, r := range slices.Concat(left.Answer, left.Ns, left.Extra) {
			if !slices.ContainsFunc(slices.Concat(all.Answer, all.Ns, all.Extra), func(o dns.RR) bool { return o.String() == r.String() }) {
				t.Fatalf("%v is new", r)
			}
		}
		if len(all.Answer) > 0 && len(left.Answer) == 0 || !bytes.Equal(few[:4], clean[:4]) {
			t.Fatalf("%v of %v", &left, &all)
		}
	})
}
