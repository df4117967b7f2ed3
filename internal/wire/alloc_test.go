package wire

import (
	"hash/maphash"
	"testing"

	"github.com/miekg/dns"
)

// TestAllocations shows that nothing on a query's way allocates.
func TestAllocations(t *testing.T) {
	query := pack(t, withOPT(question("db.team-1.svc.cluster.local.", dns.TypeA), 1232, true, cookie("0102030405060708")))
	response, seed := many(t, 40), maphash.MakeSeed()
	denial := pack(t, &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: 3}, Question: question("svc.cluster.local.", 1).Question, Ns: rrs(t, soa)})
	buf, clean := make([]byte, 0, 4096), make([]byte, 0, 4096)
	o := &Options{Cookie: make([]byte, 24), Error: Error{Set: true}}
	for what, f := range map[string]func(){
		"Parse": func() { new(Query).Parse(query) },
		"a hit": func() {
			var q Query
			var key [MaxKey]byte
			q.Parse(query)
			Hash(seed, AppendKey(key[:0], &q))
		},
		"replies": func() {
			var q Query
			q.Parse(query)
			m := Message(AppendReply(buf, &q, BadCookie, RA, o))
			m = AppendQuery(m, &q, nil)
			m.OPT()
			AppendDenial(buf, &q, denial, 5)
		},
		"edits": func() {
			m := Message(append(buf, response...))
			m.ClampTTLs(1, 60)
			m.Rotate(m.AddressRun(), 1)
			m.truncate(512).StripOPT()
		},
		"Repack":   func() { Repack(clean, response) },
		"Classify": func() { Classify(response) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for name, m := range map[string]*dns.Msg{
		"plain":  question("db.team-1.svc.cluster.local.", dns.TypeA),
		"EDNS":   withOPT(question("db.team-1.svc.cluster.local.", dns.TypeA), 1232, true),
		"cookie": withOPT(question("db.team-1.svc.cluster.local.", dns.TypeA), 1232, true, cookie("0102030405060708")),
	} {
		msg := pack(b, m)
		b.Run(name, func(b *testing.B) {
			var q Query
			for b.Loop() {
				q.Parse(msg)
			}
		})
	}
}

func BenchmarkKey(b *testing.B) {
	q, seed := parse(b, question("db.team-1.svc.cluster.local.", dns.TypeA)), maphash.MakeSeed()
	var key [MaxKey]byte
	for b.Loop() {
		Hash(seed, AppendKey(key[:0], q))
	}
}

func BenchmarkRepack(b *testing.B) {
	response, clean := many(b, 50), make([]byte, 0, 4096)
	for b.Loop() {
		Repack(clean, response)
	}
}

func BenchmarkClassify(b *testing.B) {
	response := many(b, 3)
	for b.Loop() {
		Classify(response)
	}
}
