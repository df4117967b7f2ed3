package lane

import (
	"net/netip"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
)

// appendLabels appends the labels of a text such as "ns.dns.", which has no escapes. It ends in a
// dot, and the root's 0 is not appended.
func appendLabels(dst []byte, text string) []byte {
	at := len(dst) // of the label's length
	dst = append(append(dst, 0), text...)
	setLengths(dst[at:])
	return dst[:len(dst)-1]
}

// setLengths turns text behind a free byte into labels: the length of a label takes the place of the
// dot before it. The last dot keeps its place.
func setLengths(b []byte) {
	at := 0
	for i := 1; i < len(b); i++ {
		if b[i] == '.' {
			b[at], at = byte(i-at-1), i
		}
	}
}

// appendName appends a name that is given as text, with or without a dot at its end, and has no
// escapes.
func appendName(dst []byte, text string) []byte {
	at := len(dst)
	dst = append(append(dst, 0), text...)
	if text == "" || text[len(text)-1] != '.' {
		dst = append(dst, '.')
	}
	setLengths(dst[at:])
	dst[len(dst)-1] = 0
	return dst
}

// nameOf returns a name that the reply points to. It is valid until the next one.
func (q *query) nameOf(n *reply.Name, origin string) wire.Name {
	b := n.AppendTo(append(q.name[:0], 0), origin)
	setLengths(b)
	b[len(b)-1] = 0
	return b
}

// writeNames writes PTR or NS records, and the addresses of the names that they point to.
func (q *query) writeNames() {
	a, extras := &q.reply.Answer, q.reply.Extra
	q.lengths = q.lengths[:0]
	for i := range a.Names {
		q.atQuestion()
		q.lengths = append(q.lengths, uint8(q.appendNameOf(i, len(a.Names) > 1 || len(extras) > 0)))
		if !q.End(wire.Answer) {
			return
		}
	}
	for i := range extras {
		q.appendNameOf(extras[i].Name, true)
		if !q.endExtra(extras[i].Addr) {
			return
		}
	}
}

// appendNameOf appends a name that the reply points to, and returns how long it is uncompressed.
func (q *query) appendNameOf(i int, compress bool) (length int) {
	a := &q.reply.Answer
	n := q.nameOf(&a.Names[i], a.Origin)
	if compress {
		q.Compress(n)
	} else {
		q.Buf = append(q.Buf, n...)
	}
	return len(n)
}

// endExtra ends an address record of the additional section, and reports whether it had room.
func (q *query) endExtra(addr netip.Addr) bool {
	t := wire.AAAA
	if addr.Is4() {
		t = wire.A
	}
	q.Fixed(t, q.reply.Answer.TTL)
	q.appendAddr(addr)
	return q.End(wire.Additional)
}
