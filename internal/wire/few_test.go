package wire

import (
	"bytes"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

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
