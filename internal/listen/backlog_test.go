package listen

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// put makes m, from a port, datagram 0 of b.
func put(b *batch, m []byte, port uint16) {
	b.names[0] = unix.RawSockaddrInet6{Family: unix.AF_INET, Port: port}
	b.queries[0].hdr.Namelen = 16
	b.queries[0].hdr.SetControllen(0)
	if port%2 == 1 {
		b.queries[0].hdr.SetControllen(controlRoom)
		b.controls[0].raw[0] = byte(port)
	}
	b.queries[0].n = uint32(copy(b.queryBuf[0][:], m))
}

// TestBacklog moves messages of all lengths through a backlog. They come out
// as they went in and in that order, and only a full one refuses any.
func TestBacklog(t *testing.T) {
	type message struct {
		octets []byte
		port   uint16
	}
	room := func(m message) int { return len(m.octets) + int(m.port%2)*controlRoom }
	var model []message
	const most = 32 // blocks
	l, in, out := &backlog{most: most}, newBatch(), newBatch()
	refused, octets := 0, 0
	for n := range 200000 {
		longest := queryRoom
		if n/20000%2 == 0 {
			longest = 40 // so many that their number is the limit
		}
		if n/5000%2 == 0 || rand.IntN(2) == 0 {
			m := message{make([]byte, 1+rand.IntN(longest)), uint16(n)}
			m.octets[0] = byte(n >> 8)
			put(in, m.octets, m.port)
			if l.push(in, 0) {
				model = append(model, m)
				octets += room(m)
			} else {
				refused++
				const least = blockRoom - queryRoom - controlRoom // octets of a block that is full, unless it has batchSize queries
				if float64(len(model))/batchSize+float64(octets)/least < most-2 {
					t.Fatalf("refused %d octets after %d messages of %d", len(m.octets), len(model), octets)
				}
			}
		} else if len(model) > 0 {
			m := model[0]
			model, octets = model[1:], octets-room(m)
			l.pop(out, 0)
			q := &out.queries[0]
			if got := out.queryBuf[0][:q.n]; !bytes.Equal(got, m.octets) || out.names[0].Port != m.port || q.hdr.Namelen != 16 {
				t.Fatalf("message %d from %d, want %d from %d", got, out.names[0].Port, m.octets, m.port)
			}
			if has := q.hdr.Controllen > 0; has != (m.port%2 == 1) || has && out.controls[0].raw[0] != byte(m.port) {
				t.Fatalf("control message of %d: %v", m.port, has)
			}
		}
		if l.count != len(model) {
			t.Fatalf("%d messages, want %d", l.count, len(model))
		}
	}
	if refused == 0 {
		t.Error("none refused")
	}
}
