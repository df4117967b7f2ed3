package wire

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// withNames has a record of every type that dns knows and whose data holds names: each is
// one.example. or two.example.
var withNames = map[uint16]string{
	dns.TypeNS:       "one.example.",
	dns.TypeMD:       "one.example.",
	dns.TypeMF:       "one.example.",
	dns.TypeCNAME:    "one.example.",
	dns.TypeSOA:      "one.example. two.example. 1 2 3 4 5",
	dns.TypeMB:       "one.example.",
	dns.TypeMG:       "one.example.",
	dns.TypeMR:       "one.example.",
	dns.TypePTR:      "one.example.",
	dns.TypeMINFO:    "one.example. two.example.",
	dns.TypeMX:       "10 one.example.",
	dns.TypeRP:       "one.example. two.example.",
	dns.TypeAFSDB:    "1 one.example.",
	dns.TypeRT:       "1 one.example.",
	dns.TypeNSAPPTR:  "one.example.",
	dns.TypeSIG:      "A 8 2 3600 20300101000000 20200101000000 12345 one.example. AwEAAaaa",
	dns.TypePX:       "1 one.example. two.example.",
	dns.TypeNXT:      "one.example. A MX",
	dns.TypeSRV:      "1 2 3 one.example.",
	dns.TypeNAPTR:    `1 2 "s" "SIP+D2U" "!^.*$!sip:a@b!" one.example.`,
	dns.TypeKX:       "1 one.example.",
	dns.TypeDNAME:    "one.example.",
	dns.TypeIPSECKEY: "10 3 2 one.example. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
	dns.TypeRRSIG:    "A 8 2 3600 20300101000000 20200101000000 12345 one.example. AwEAAaaa",
	dns.TypeNSEC:     "one.example. A MX RRSIG NSEC",
	dns.TypeHIP:      "2 200100107b1a74df365639cc39f1d578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p9+LrV4e19WzK00+CI6zBCQTdtWsuxKbWIy87UOoJTwkUs7lBu+Upr1gsNrut79ryra+bSRGQb1slImA8YVJyuIDsj7kwzG7jnERNqnWxZ48AWkskmdHaVDP4BcelrTI3rMXdXF5D one.example. two.example.",
	dns.TypeTALINK:   "one.example. two.example.",
	dns.TypeSVCB:     "1 one.example. alpn=h2",
	dns.TypeHTTPS:    "1 one.example. alpn=h2",
	dns.TypeLP:       "10 one.example.",
	dns.TypeAMTRELAY: "10 0 3 one.example.",
}

// maybeNamed are records of types whose data may come without a name.
var maybeNamed = []string{
	"a.example. 5 IPSECKEY 10 0 2 . AQNRU3mG", "a.example. 5 IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG",
	"a.example. 5 IPSECKEY 10 2 2 2001:db8::8002 AQNRU3mG",
	"a.example. 5 AMTRELAY 10 0 0 .", "a.example. 5 AMTRELAY 10 0 1 203.0.113.15", "a.example. 5 AMTRELAY 10 0 2 2001:db8::15",
	"a.example. 5 HIP 2 200100107b1a74df365639cc39f1d578 AwEAAbdx",
	"a.example. 5 SVCB 0 .", `a.example. 5 NAPTR 1 2 "" "" "" .`,
}

// namesIn counts the names in the data of a record, and how many of them dns may compress.
func namesIn(of reflect.Type) (names, compressed int) {
	for field := range of.Fields() {
		switch tag := field.Tag.Get("dns"); {
		case field.Name == "Hdr":
		case field.Anonymous:
			n, c := namesIn(field.Type)
			names, compressed = names+n, compressed+c
		case tag == "cdomain-name":
			names, compressed = names+1, compressed+1
		case tag == "domain-name" || tag == "ipsechost" || tag == "amtrelayhost":
			names++
		}
	}
	return names, compressed
}

// TestEveryType compresses the names in the data of each type that dns knows, allowed or not, and
// wants them whole in a clean copy (RFC 3597, section 4). Types of which only the name of a
// transaction's key is one belong to one hop.
func TestEveryType(t *testing.T) {
	for number, empty := range dns.TypeToRR {
		typ := dns.TypeToString[number]
		names, compressed := namesIn(reflect.TypeOf(empty()).Elem())
		data, listed := withNames[number]
		switch {
		case number == dns.TypeTSIG || number == dns.TypeTKEY:
		case names > 0 != listed:
			t.Errorf("%s has %d names in its data, the list says %v", typ, names, listed)
		case listed:
			t.Run(typ, func(t *testing.T) { everyName(t, "a.example. 5 "+typ+" "+data, compressed > 0) })
		}
	}
	for _, text := range maybeNamed {
		everyName(t, text, false)
	}
}

// everyName repacks the record with its names written out, and compressed.
func everyName(t *testing.T, text string, compress bool) {
	t.Helper()
	want := rr(t, text)
	plain := make([]byte, 1024)
	end, err := dns.PackRR(want, plain, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	owner, _ := skipName(plain, 0)
	data := plain[owner+fixedLen : end]
	packed, n := shortened(data)
	if named := strings.Count(text, ".example.") - 1; n != named {
		t.Fatalf("%s: %d names in %x", text, n, data)
	}
	for _, data := range [][]byte{data, packed} {
		msg := pack(t, question("a.example.", want.Header().Rrtype))
		msg = AppendRecord(msg, 0, Answer, nil, Type(want.Header().Rrtype), IN, 5, data)
		clean, ok := Repack(nil, msg)
		if !ok {
			t.Fatalf("%s: %x is malformed", text, data)
		}
		if got := unpack(t, clean).Answer[0]; got.String() != want.String() {
			t.Errorf("%s became %s", want, got)
		}
		if !compress && !bytes.HasSuffix(clean, plain[owner+fixedLen:end]) {
			t.Errorf("%s: %x in %x", text, plain[owner+fixedLen:end], clean)
		}
	}
}

// TestRelayDiscovered reads a relay's name beside the bit that says it may be discovered, which
// dns takes for a part of the type (RFC 8777, section 4.2.2).
func TestRelayDiscovered(t *testing.T) {
	b := pack(t, question("a.example.", dns.TypeAMTRELAY))
	b = AppendRecord(b, 0, Answer, nil, amtRelay, IN, 5, []byte{10, 0x80 | relayName, 3, 'o', 'n', 'e', pointerBits, HeaderLen + 2})
	if clean, ok := Repack(nil, b); !ok || !bytes.HasSuffix(clean, []byte("\x03one\x07example\x00")) {
		t.Errorf("%q", clean)
	}
}

// shortened returns data with its names compressed with the question's name a.example., and how
// many those were.
func shortened(data []byte) (packed []byte, n int) {
	packed = bytes.Clone(data)
	for _, label := range []string{"\x03one", "\x03two"} {
		long, short := []byte(label+"\x07example\x00"), append([]byte(label), pointerBits, HeaderLen+2)
		n += bytes.Count(packed, long)
		packed = bytes.ReplaceAll(packed, long, short)
	}
	return packed, n
}

// TestRepackTransactions leaves out what belongs to one hop: keys (RFC 2930, section 2.4) and
// signatures of a message (RFC 2931, section 3).
func TestRepackTransactions(t *testing.T) {
	m := reply(t, question("a.example.", dns.TypeA), "a.example. 5 A 10.0.0.1")
	m.Extra = rrs(t, "b.example. 5 A 10.0.0.2", ". 0 SIG TYPE0 8 0 0 20300101000000 20200101000000 12345 key.example. AwEAAaaa")
	m.Extra = append(m.Extra, &dns.TKEY{
		Hdr: dns.RR_Header{Name: "k.", Rrtype: dns.TypeTKEY, Class: dns.ClassANY}, Algorithm: "gss-tsig.", Mode: 3, KeySize: 1, Key: "aa",
	})
	clean, ok := Repack(nil, pack(t, m))
	if got := unpack(t, clean); !ok || len(got.Answer) != 1 || len(got.Extra) != 1 || got.Extra[0].Header().Name != "b.example." {
		t.Error(got)
	}
}

// TestRepackBomb gives up as soon as names grow to more than a message holds, not once all have
// been written out.
func TestRepackBomb(t *testing.T) {
	msg := longName(MaxName)
	data := append([]byte{1, 2, 0, 1, 0xAA, 0xBB}, bytes.Repeat([]byte{pointerBits, HeaderLen}, 30000)...)
	msg = AppendRecord(msg, 0, Answer, nil, hip, IN, 5, data)
	dst := make([]byte, 0, 2*MaxMessage)
	if allocs := testing.AllocsPerRun(1, func() {
		if _, ok := Repack(dst, msg); ok {
			t.Fatal("it became a message")
		}
	}); allocs > 0 {
		t.Errorf("%v allocations: it has grown beyond two messages", allocs)
	}
}

// named returns a message with a record of each type that has names in its data.
func named(t testing.TB) (msgs [][]byte) {
	for _, number := range slices.Sorted(maps.Keys(withNames)) {
		m := reply(t, question("a.example.", number), "a.example. 5 "+dns.TypeToString[number]+" "+withNames[number])
		msgs = append(msgs, pack(t, m))
	}
	return msgs
}
