package hostile

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Junk returns a packet that no client should send. Most of them are no queries at all; some ask for
// name. Its ID is none of AnswersHit.
func Junk(r *rand.Rand, name string) []byte {
	q := Query(name, wire.A)
	q.SetID(uint16(r.Uint32()) | 1<<15)
	switch r.IntN(25) {
	case 0: // cut off
		return q[:r.IntN(len(q))]
	case 1: // some bytes changed
		for range 1 + r.IntN(4) {
			q[2+r.IntN(len(q)-2)] = byte(r.Uint32())
		}
	case 2, 3: // the question's name is a pointer to itself, or to somewhere
		to := wire.HeaderLen + r.IntN(2)*r.IntN(1<<14)
		q = append(q[:wire.HeaderLen:wire.HeaderLen], 0xc0|byte(to>>8), byte(to))
		return append(q, 0, 1, 0, 1)
	case 4, 5: // a label, and a pointer back to it
		q = append(q[:wire.HeaderLen:wire.HeaderLen], 1, 'x', 0xc0, wire.HeaderLen, 0, 1, 0, 1)
	case 6, 7: // counts of records that do not follow
		for at := 4; at < wire.HeaderLen; at += 2 {
			binary.BigEndian.PutUint16(q[at:], uint16(r.Uint32()>>(16*r.IntN(2))))
		}
	case 8, 9: // an answer
		q.SetFlags(wire.QR|wire.RA, 0)
	case 10: // another opcode
		q[2] = q[2]&0x87 | byte(r.IntN(16))<<3
	case 11, 12: // options that run over their end
		n, _, _, _ := q.Question()
		q = wire.AppendQuery(nil, &wire.Query{ID: q.ID(), Name: n, Type: wire.A, Class: wire.IN}, randomOf(r, r.IntN(64)))
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

// AnswersHit asks over c, a socket that junk was sent from, for a name with one address, and reports
// whether an answer comes among those to other packets.
func AnswersHit(c net.Conn, name string) bool {
	q := Query(name, wire.A)
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

// randomOf returns random bytes.
func randomOf(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.NativeEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}
