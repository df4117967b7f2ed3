package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// seeds adds messages that are well-formed, and some that nearly are.
func seeds(f *testing.F) {
	m := sample(f)
	f.Add(pack(f, m))
	m.Compress = true
	f.Add(pack(f, m))
	f.Add(pack(f, withOPT(question("wWw.example.", dns.TypeA), 1232, true, cookie("0102030405060708"))))
	f.Add(pack(f, twoOPTs()))
	f.Add(longName(255))
	f.Add(rich(f))
	f.Add(many(f, 40))
	for _, b := range named(f) {
		f.Add(b)
	}
	f.Add([]byte("\x00\x01\x81\x00\x00\x01\x00\x01\x00\x00\x00\x00\x01a\xc0\x0c\x00\x01\x00\x01\xc0\x0c"))
}

// guarded returns a copy of msg within a larger array, and a check that nothing outside of
// the copy was written to.
func guarded(t *testing.T, msg []byte) (inside []byte, check func()) {
	const margin = 32
	whole := bytes.Repeat([]byte{0xA5}, len(msg)+2*margin)
	inside = whole[margin : margin+len(msg)]
	copy(inside, msg)
	return inside, func() {
		for i, b := range whole {
			if outside := i < margin || i >= margin+len(msg); outside && b != 0xA5 {
				t.Fatalf("byte %d was written", i-margin)
			}
		}
	}
}

// FuzzParse holds a query that is Valid against what another parser reads.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, msg []byte) {
		inside, check := guarded(t, msg)
		var q Query
		status := q.Parse(inside)
		check()
		if !bytes.Equal(inside, msg) {
			t.Fatal("the query was changed")
		}
		if status == Drop {
			return
		}
		if q.Name != nil && (!q.Name.Valid() || !q.Asked(msg) && status == Valid) {
			t.Fatalf("name %q", q.Name)
		}
		checkReply(t, &q, status)
		if status == Valid {
			compareQuery(t, &q, msg)
		}
	})
}

// checkReply shows that whatever was asked, the reply is well-formed.
func checkReply(t *testing.T, q *Query, status Status) {
	m := unpack(t, AppendReply(nil, q, status.Rcode(), RA, nil))
	if m.Id != q.ID || m.Rcode&0xF != int(status.Rcode())&0xF {
		t.Fatal(m)
	}
	if len(AppendKey(nil, q)) > MaxKey {
		t.Fatal("the key is too long")
	}
}

func compareQuery(t *testing.T, q *Query, msg []byte) {
	text, off, err := dns.UnpackDomainName(msg, HeaderLen)
	if err != nil || text != q.Name.String() || off != HeaderLen+len(q.Name) {
		t.Fatalf("%q is %q, %v", q.Name, text, err)
	}
	m := new(dns.Msg)
	if m.Unpack(msg) != nil {
		return // it reads the data of records, which a query has no need of
	}
	if got := m.Question[0]; got.Qtype != uint16(q.Type) || got.Qclass != uint16(q.Class) || m.RecursionDesired != q.RD {
		t.Fatalf("%v %+v", got, q)
	}
	if o := m.IsEdns0(); (o != nil) != q.EDNS || o != nil && (o.Do() != q.DO || max(o.UDPSize(), 512) != q.UDPSize) {
		t.Fatalf("%v %+v", o, q)
	}
}

// FuzzWalk shows that what a walk reports lies within the message.
func FuzzWalk(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, msg []byte) {
		end := 0
		w := Walk(msg)
		for w.Next() {
			if w.owner < max(end, HeaderLen) || w.Data < w.owner+11 || w.End < w.Data || w.End > len(msg) {
				t.Fatalf("%+v of %d bytes", w.Record, len(msg))
			}
			end = w.End
			compareName(t, msg, w.owner)
		}
		if v := Classify(msg); v.Kind != Malformed && !w.OK() {
			t.Fatalf("%+v of what is malformed", v)
		}
		Message(msg).OPT()
		Message(msg).Rcode()
	})
}

// compareName shows that another reader of compressed names reads the same.
func compareName(t *testing.T, msg []byte, off int) {
	n, next, ok := AppendName(nil, msg, off)
	if !ok {
		return // we take fewer pointers
	}
	want, end, err := dns.UnpackDomainName(msg, off)
	if err != nil || end != next || want != Name(n).String() {
		t.Fatalf("%q, %d; want %q, %d, %v", n, next, want, end, err)
	}
	if !Name(n).Valid() || !equalAt(msg, off, n) {
		t.Fatalf("%q", n)
	}
}

// FuzzEdit makes every edit of one message.
func FuzzEdit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, msg []byte) {
		for what, edit := range map[string]func(Message) Message{
			"clamp":    func(m Message) Message { m.ClampTTLs(5, 30); return m },
			"rotate":   func(m Message) Message { m.Rotate(m.AddressRun(), 1); return m },
			"case":     func(m Message) Message { m.copyCase(Name("\x03WWW\x07EXAMPLE\x00")); return m },
			"strip":    Message.StripOPT,
			"truncate": func(m Message) Message { return m.truncate(512) },
			"tiny":     func(m Message) Message { return m.truncate(40) },
			"finish":   func(m Message) Message { m.FinishReply(&Query{ID: 1}); return m },
			"negative": func(m Message) Message { v := Classify(m); v.LowerNegativeTTL(m); return m },
		} {
			inside, check := guarded(t, msg)
			got := edit(inside)
			check()
			if len(got) > len(msg) {
				t.Fatalf("%s made it longer", what)
			}
			checkEdit(t, what, msg, got, edit)
		}
	})
}

// checkEdit shows that an edit keeps a good message good, and that most change nothing when
// made again.
func checkEdit(t *testing.T, what string, before []byte, got Message, edit func(Message) Message) {
	if w := walked(before); w.OK() {
		if after := walked(got); !after.OK() {
			t.Fatalf("%s broke the message: %x", what, got)
		}
	}
	if what == "rotate" {
		return
	}
	once := bytes.Clone(got)
	if twice := edit(got); !bytes.Equal(once, twice) {
		t.Fatalf("%s again: %x, then %x", what, once, twice)
	}
}

func walked(msg []byte) Walker {
	w := Walk(msg)
	for w.Next() {
	}
	return w
}

// FuzzRepack holds a packed message against its original as another parser reads both.
func FuzzRepack(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, msg []byte) {
		clean, ok := Repack(nil, msg)
		if !ok {
			return
		}
		again, ok := Repack(nil, clean)
		if !ok || !bytes.Equal(again, clean) {
			t.Fatalf("%x, then %x", clean, again)
		}
		if _, ok := AppendDenial(nil, &Query{Name: Name("\x01a\x00"), Class: IN}, msg, 1); ok {
			Classify(msg)
		}
		a, b := new(dns.Msg), new(dns.Msg)
		if a.Unpack(msg) != nil {
			return // it reads the data of every type
		}
		if err := b.Unpack(clean); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*dns.Msg{a, b} {
			m.Answer, m.Ns, m.Extra = alike(m.Answer), alike(m.Ns), alike(m.Extra)
		}
		if text(a) != text(b) {
			t.Fatalf("%s became %s", text(a), text(b))
		}
	})
}

// alike returns the records that Repack keeps, and whose names dns finds where it does: some
// types say themselves where those are, and dns takes the discovery bit of AMTRELAY for a part
// of the type.
func alike(list []dns.RR) (rest []dns.RR) {
	for _, r := range list {
		switch r := r.(type) {
		case *dns.OPT, *dns.TSIG, *dns.TKEY: // not kept
		case *dns.AMTRELAY:
		case *dns.SIG:
			if r.TypeCovered != 0 {
				rest = append(rest, r)
			}
		default:
			rest = append(rest, r)
		}
	}
	return rest
}

// FuzzName reads any text as a name, and writes it again.
func FuzzName(f *testing.F) {
	for _, text := range []string{".", "a.b", `\000.\.`, "WWW.example.", `a\`, "a..b", `\999`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseName(text)
		if err != nil {
			return
		}
		back, err := ParseName(n.String())
		if !n.Valid() || err != nil || !bytes.Equal(n, back) {
			t.Fatalf("%q: %q, then %q, %v", text, n, back, err)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) {
			return // dns.Fqdn mistakes an escaped dot behind such a rune for the root's
		}
		packed := make([]byte, 300)
		end, err := dns.PackDomainName(dns.Fqdn(text), packed, 0, nil, false)
		if err == nil && !bytes.Equal(packed[:end], n) {
			t.Fatalf("%q: %q, want %q", text, n, packed[:end])
		}
	})
}
