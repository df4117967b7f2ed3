package cache

import (
	"bytes"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// FuzzStore stores any response as the answer to its own question. The reply that the cache gives
// later is well-formed and answers the question, and its TTLs are aged and within bounds.
func FuzzStore(f *testing.F) {
	q := ask(f, "a.example.")
	f.Add(response(f, q, "a.example. 60 A 10.0.0.1", "a.example. 60 A 10.0.0.2"), uint32(10))
	f.Add(response(f, q, "a.example. 60 CNAME b.example.", "b.example. 9 A 10.0.0.2"), uint32(8))
	f.Add(response(f, q, "NXDOMAIN", "--", soa), uint32(3))
	f.Add(response(f, q, "SERVFAIL"), uint32(1))
	f.Fuzz(func(t *testing.T, msg []byte, seconds uint32) {
		c, p := roomy(), usual()
		q := questionOf(msg)
		before := bytes.Clone(msg)
		_, v, kept := c.Store(nil, q, msg, &anyone, p, 0)
		if !bytes.Equal(msg, before) {
			t.Fatal("the response was changed")
		}
		seconds %= 4000
		now := time.Duration(seconds) * time.Second
		reply, _, state := c.Append(nil, q, p, now)
		if state != Miss && !kept || seconds == 0 && state == Miss && kept {
			t.Fatalf("%+v kept %v: state %d", v, kept, state)
		}
		if state != Miss && state != Failed {
			checkStored(t, q, reply, 3600-seconds)
		}
		if reply, _, state = c.AppendStale(nil, q, p, now); state == Stale {
			checkStored(t, q, reply, p.StaleTTL)
		}
	})
}

// questionOf returns the query that msg would answer, or any if it has no question.
func questionOf(msg []byte) *wire.Query {
	q := &wire.Query{Name: wire.Name{0}}
	if name, qtype, class, ok := wire.Message(msg).Question(); ok {
		q.Name, q.Type, q.Class = bytes.Clone(name), qtype, class
	}
	return q
}

// checkStored checks what every reply must be.
func checkStored(t *testing.T, q *wire.Query, reply []byte, most uint32) {
	t.Helper()
	w := wire.Walk(reply)
	for w.Next() {
		if w.TTL == 0 || w.TTL > most || w.Type == wire.OPTRR {
			t.Fatalf("TTL %d of at most %d: %x", w.TTL, most, reply)
		}
	}
	if !w.OK() || w.End != len(reply) || !q.Matches(reply) {
		t.Fatalf("%x", reply)
	}
}
