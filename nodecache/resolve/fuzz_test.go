package resolve

import (
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
)

// FuzzHandle sends any bytes over UDP and TCP. The answer is either nothing, or one well-formed
// reply to their ID and opcode, no longer than the client accepts.
func FuzzHandle(f *testing.F) {
	for _, words := range hits {
		f.Add(build(f, words), false)
		f.Add(build(f, words), true)
	}
	f.Add(build(f, "new.example. do cd ad size=600"), false)
	f.Add(build(f, "a.b.c.d.team-1.svc.cluster.local. SRV"), true)
	r := warm(f)
	f.Fuzz(func(t *testing.T, msg []byte, tcp bool) {
		r.t = t
		s := &sent{t: t, query: slices.Clone(msg), answer: make(chan []byte, 1)}
		later := false
		c := listen.NewClient(r.client, r.local, tcp, func() listen.Responder { later = true; return s })
		reply := r.Handle(nil, msg, c)
		switch {
		case later && len(reply) > 0:
			t.Fatal("answered now and later")
		case later:
			reply = s.wait()
		}
		if len(reply) > 0 {
			checkReply(t, s.query, reply, tcp)
		} else if later || len(msg) >= wire.HeaderLen && msg[2]&0x80 == 0 {
			t.Fatal("no answer")
		}
	})
}

// checkReply checks what every reply must hold to.
func checkReply(t *testing.T, msg, reply []byte, tcp bool) {
	t.Helper()
	var q wire.Query
	q.Parse(msg)
	m, most := wire.Message(reply), wire.MaxMessage
	if !tcp {
		most = int(min(q.UDPSize, wire.UDPSize))
	}
	const opcode = 0xf << 11
	if m.ID() != q.ID || m.Flags()&wire.QR == 0 || m.Flags()&opcode != wire.Message(msg).Flags()&opcode || len(reply) > most {
		t.Fatalf("%x\nis answered by\n%x", msg, reply)
	}
	w := wire.Walk(reply)
	for w.Next() {
	}
	full := len(reply) > wire.MaxMessage-11 // there is no room for an OPT record
	if _, opt := m.OPT(); !w.OK() || w.End != len(reply) || opt != q.EDNS && !full {
		t.Fatalf("malformed: %x\nanswers %x", reply, msg)
	}
	if q.Name != nil && !q.Asked(reply) && !m.Truncated() {
		t.Fatalf("another question: %x\nanswers %x", reply, msg)
	}
}

// FuzzUpstream lets an upstream answer with any bytes after the ID. The reply is well-formed and
// has the query's question, over UDP and TCP, at once and later.
func FuzzUpstream(f *testing.F) {
	query := build(f, team("a.b")+" edns")
	q, _ := parse(query)
	whole := response(q, []string{"a.b.team-1.svc.cluster.local. 60 CNAME c.example.", "c.example. 60 A 10.0.0.1", "--", soa, "++", "c.example. 60 A 10.0.0.2"})
	end := wire.HeaderLen + len(team("a.b")) + 1 + 4
	f.Add(whole[2:wire.HeaderLen], whole[end:])
	f.Add(whole[2:wire.HeaderLen], whole[end:len(whole)-20])
	f.Add([]byte{0x81, 3, 0, 1, 0, 0, 0, 0, 0, 0}, []byte{})
	r := newRig(f, func(b *Block) { b.Services = nil })
	f.Fuzz(func(t *testing.T, header, records []byte) {
		r.t = t
		answer := slices.Concat(query[:2], header, query[min(2+len(header), end):end], records)
		r.up.whole = func([]byte) ([]byte, error) { return answer, nil }
		for _, words := range []string{team("A.b"), team("A.b") + " edns", team("A.b") + " tcp do"} {
			msg := build(t, words)
			checkReply(t, msg, r.send(words).wait(), has(words, "tcp"))
			_, q := parse(msg)
			r.block.Cache.Remove(&q)
		}
	})
}

// parse reads a query as miekg/dns and as wire does.
func parse(query []byte) (*dns.Msg, wire.Query) {
	var q wire.Query
	q.Parse(query)
	m := new(dns.Msg)
	if err := m.Unpack(query); err != nil {
		panic(err)
	}
	return m, q
}
