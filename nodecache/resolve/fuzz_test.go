package resolve

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
)

// FuzzHandle has any bytes answered, over UDP and TCP: by nothing, or by one well-formed reply
// to their ID and opcode, no longer than the asker takes.
func FuzzHandle(f *testing.F) {
	for _, words := range hits {
		f.Add(build(f, words), false)
		f.Add(build(f, words), true)
	}
	f.Add(build(f, "new.example. do cd ad size=600"), false)
	f.Add(build(f, "a.b.c.d.team-1.svc.cluster.local. SRV"), true)
	r := warm(f)
	f.Fuzz(func(t *testing.T, msg []byte, tcp bool) {
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

// checkReply holds a reply against what any must be.
func checkReply(t *testing.T, msg, reply []byte, tcp bool) {
	t.Helper()
	var q wire.Query
	q.Parse(msg)
	m, most := wire.Message(reply), wire.MaxMessage
	if !tcp {
		most = int(min(q.UDPSize, wire.UDPSize))
	}
	const opcode = 0xf << 11
	if m.ID() != q.ID || m.Flags()&wire.QR == 0 || m.Flags()&opcode != binary.BigEndian.Uint16(msg[2:])&opcode || len(reply) > most {
		t.Fatalf("%x\nis answered by\n%x", msg, reply)
	}
	w := wire.Walk(reply)
	for w.Next() {
	}
	if _, opt := m.OPT(); !w.OK() || w.End != len(reply) || opt != q.EDNS {
		t.Fatalf("malformed: %x\nanswers %x", reply, msg)
	}
	if q.Name != nil && !q.Asked(reply) && !m.Truncated() {
		t.Fatalf("another question: %x\nanswers %x", reply, msg)
	}
}
