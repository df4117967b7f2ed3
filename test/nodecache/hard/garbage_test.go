package hard

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// besieged gives thousands of addresses to names that begin with many, and answers others rightly.
func besieged(s *testkit.Session, q wire.Message) {
	if strings.HasPrefix(testkit.NameOf(q), "many") {
		many(s, q)
		return
	}
	answers(s, q)
}

// The flood of garbage.
const (
	packets  = 1_000_000
	senders  = 4
	perRound = 250 // packets, after which a sender waits for the answer to a query
)

// TestGarbage sends a million packets. Hardly any of them is a query.
func TestGarbage(t *testing.T) {
	s := newSiege(t)
	began := time.Now()
	var answered, rounds atomic.Int64
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			c, err := client{"udp", netip.AddrFrom4([4]byte{127, 0, 6, byte(1 + i)})}.dial(s.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range packets / senders / perRound {
				for range perRound {
					_, _ = c.Write(junk(r)) // a full queue may drop it
				}
				rounds.Add(1)
				if answersHit(c) {
					answered.Add(1)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d packets in %v; %d of %d queries of their senders were answered", packets, time.Since(began), answered.Load(), rounds.Load())
	if answered.Load() < rounds.Load()/2 {
		t.Errorf("%d of %d queries were answered between the packets, so that those may not have been read", answered.Load(), rounds.Load())
	}
	s.end(s.before.resident + 64)
}

// answersHit asks over c for a cached name, and reports whether an answer comes among those to
// other packets.
func answersHit(c net.Conn) bool {
	q := query("hit.others.test.", wire.A)
	id := rand.N[uint16](1 << 15)
	q.SetID(id)
	if _, err := c.Write(q); err != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	var buf [65535]byte
	for {
		n, err := c.Read(buf[:])
		if err != nil {
			return false
		}
		if m := wire.Message(buf[:n]); n >= wire.HeaderLen && m.ID() == id && m.Answers() == 1 {
			return true
		}
	}
}

// query returns a query with EDNS.
func query(name string, t wire.Type) wire.Message {
	n, err := wire.ParseName(strings.TrimSuffix(name, "."))
	if err != nil {
		panic(err) // a test's own name
	}
	return wire.AppendQuery(nil, &wire.Query{ID: 1, RD: true, Name: n, Type: t, Class: wire.IN}, nil)
}

// junk returns a packet that no client should send.
func junk(r *rand.Rand) []byte {
	q := query("garbage.example.org.", wire.A)
	q.SetID(uint16(r.Uint32()) | 1<<15) // none of answersHit
	switch r.IntN(25) {
	case 0: // cut off
		return q[:r.IntN(len(q))]
	case 1: // some bytes changed
		for range 1 + r.IntN(4) {
			q[2+r.IntN(len(q)-2)] = byte(r.Uint32())
		}
	case 2, 3: // the question's name is a pointer to itself, or to somewhere
		q = append(q[:wire.HeaderLen:wire.HeaderLen], pointer(wire.HeaderLen+r.IntN(2)*r.IntN(1<<14))...)
		return append(q, 0, 1, 0, 1)
	case 4, 5: // a label, and a pointer back to it
		q = append(q[:wire.HeaderLen:wire.HeaderLen], 1, 'x', 0xc0, wire.HeaderLen, 0, 1, 0, 1)
	case 6, 7: // counts of records that do not follow
		for at := 4; at < wire.HeaderLen; at += 2 {
			binary.BigEndian.PutUint16(q[at:], uint16(r.Uint32()>>(16*r.IntN(2))))
		}
	case 8, 9: // an answer
		return wrong(q)
	case 10: // another opcode
		q[2] = q[2]&0x87 | byte(r.IntN(16))<<3
	case 11, 12: // options that run over their end
		q = wire.AppendQuery(nil, &wire.Query{ID: q.ID(), Name: wire.Name("\x07garbage\x00"), Type: wire.A, Class: wire.IN}, randomOf(r, r.IntN(64)))
	case 13: // bytes after the query
		q = append(q, randomOf(r, r.IntN(512))...)
	case 14: // huge
		if r.IntN(20) == 0 {
			return append(q, make([]byte, 1500+r.IntN(60000))...)
		}
	default:
		return randomOf(r, r.IntN(300))
	}
	return q
}

// randomOf returns random bytes.
func randomOf(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.NativeEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}
