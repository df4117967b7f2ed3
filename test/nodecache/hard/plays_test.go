package hard

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// wrongIDs answers with a wrong ID.
func wrongIDs(s *testkit.Session, q wire.Message) {
	m := wrong(q)
	m.SetID(q.ID() + 1)
	s.Send(m)
}

// strangersFirst sends n messages with wrong IDs before the answer.
func strangersFirst(n int) testkit.Play {
	return func(s *testkit.Session, q wire.Message) {
		for i := range n {
			m := wrong(q)
			m.SetID(q.ID() + 1 + uint16(i))
			s.Send(m)
		}
		answers(s, q)
	}
}

// forgers sends many forged datagrams. Over TCP it answers rightly.
func forgers(s *testkit.Session, q wire.Message) {
	if s.TCP() {
		answers(s, q)
		return
	}
	for i := range 32 {
		m := wrong(q)
		m.SetID(q.ID() + 1 + uint16(i))
		s.Send(m)
	}
}

// asked returns a play that answers another question, with the ID of the query.
func asked(name string, t wire.Type, c wire.Class) testkit.Play {
	return func(s *testkit.Session, q wire.Message) {
		other := wire.Query{ID: q.ID(), RD: true, Type: t, Class: c}
		if other.Name, _, _, _ = q.Question(); name != "" {
			other.Name, _ = wire.ParseName(name)
		}
		m := wire.AppendHeader(nil, &other, wire.NoError, wire.RA)
		s.Send(wire.AppendRecord(m, 0, wire.Answer, nil, wire.A, wire.IN, lifetime, forged.AsSlice()))
	}
}

// noQuestion answers without the question.
func noQuestion(s *testkit.Session, q wire.Message) {
	m := wire.AppendHeader(nil, &wire.Query{ID: q.ID()}, wire.NoError, wire.RA)
	name, _, _, _ := q.Question()
	s.Send(wire.AppendRecord(m, 0, wire.Answer, name, wire.A, wire.IN, lifetime, forged.AsSlice()))
}

// noResponse answers with another query.
func noResponse(s *testkit.Session, q wire.Message) {
	m := wrong(q)
	m.SetFlags(0, wire.QR)
	s.Send(m)
}

// shouted answers in capital letters. That is no wrong answer.
func shouted(s *testkit.Session, q wire.Message) {
	m := right(q)
	name, _, _, _ := m.Question()
	for i, c := range name {
		if 'a' <= c && c <= 'z' {
			name[i] = c - 'a' + 'A'
		}
	}
	s.Send(m)
}

// forging answers with the forged address.
func forging(s *testkit.Session, q wire.Message) { s.Send(wrong(q)) }

// twice answers rightly, and then contradicts itself.
func twice(s *testkit.Session, q wire.Message) {
	answers(s, q)
	forging(s, q)
}

// garbage answers with random messages.
func garbage(s *testkit.Session, q wire.Message) {
	for range 10 {
		s.Send(random(rand.IntN(600)))
	}
}

// noise answers with bytes that are no messages.
func noise(s *testkit.Session, q wire.Message) { s.Raw(random(1 + rand.IntN(2000))) }

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// truncated truncates its answers, also over TCP.
func truncated(s *testkit.Session, q wire.Message) {
	m := right(q)
	m.SetFlags(wire.TC, 0)
	s.Send(m)
}

// overTCPOnly truncates its answers over UDP, as servers do.
func overTCPOnly(s *testkit.Session, q wire.Message) {
	if s.TCP() {
		answers(s, q)
		return
	}
	m := wrong(q)
	m.SetFlags(wire.TC, 0)
	s.Send(m)
}

// fromElsewhere answers from another port than the one that was asked.
func fromElsewhere(s *testkit.Session, q wire.Message) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = c.WriteTo(wrong(q), net.UDPAddrFromAddrPort(s.From))
}

// closes closes the connection.
func closes(s *testkit.Session, _ wire.Message) { s.Close() }

// resets ends the connection with a RST.
func resets(s *testkit.Session, _ wire.Message) { s.Reset() }

// halfAnswers closes the connection in the middle of the answer.
func halfAnswers(s *testkit.Session, q wire.Message) {
	m := right(q)
	s.Raw(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m[:len(m)/2]...))
	s.Close()
}

// deaf reads no further query of the connection.
func deaf(s *testkit.Session, _ wire.Message) { <-s.Done() }

// drips sends a byte a second.
func drips(s *testkit.Session, q wire.Message) {
	m := right(q)
	for _, b := range append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...) {
		if !s.Wait(time.Second) {
			return
		}
		s.Raw([]byte{b})
	}
}

// reverses returns a play that holds the answers of each connection for 50 ms and then sends
// them in reverse order.
func reverses() testkit.Play {
	var mu sync.Mutex
	held := map[*testkit.Session][]wire.Message{}
	return func(s *testkit.Session, q wire.Message) {
		mu.Lock()
		held[s] = append(held[s], right(q))
		first := len(held[s]) == 1
		mu.Unlock()
		if !first {
			return
		}
		s.After(50*time.Millisecond, func() {
			mu.Lock()
			all := held[s]
			delete(held, s)
			mu.Unlock()
			for _, m := range slices.Backward(all) {
				s.Send(m)
			}
		})
	}
}

// long answers with the longest possible message: a record of an unknown type fills it up.
func long(s *testkit.Session, q wire.Message) {
	m := right(q)
	data := make([]byte, wire.MaxMessage-len(m)-11)
	s.Send(wire.AppendRecord(m, 0, wire.Additional, wire.Name{0}, 65280, wire.IN, lifetime, data))
}

// many answers with thousands of addresses.
func many(s *testkit.Session, q wire.Message) {
	m, addr := right(q), addressOf(testkit.NameOf(q)).AsSlice()
	for len(m)+16 <= wire.MaxMessage {
		m = wire.AppendRecord(m, 0, wire.Answer, nil, wire.A, wire.IN, lifetime, addr)
	}
	s.Send(m)
}

// ones answers with a header, followed by 65,000 bytes of 255.
func ones(s *testkit.Session, q wire.Message) {
	m := bare(q)
	m[7] = 1
	s.Send(append(m, bytes.Repeat([]byte{0xff}, wire.MaxMessage-len(m))...))
}

// counts promises 65,535 records and sends one.
func counts(s *testkit.Session, q wire.Message) {
	m := wrong(q)
	m[6], m[7] = 0xff, 0xff
	s.Send(m)
}

// loops answers with a name that points to itself.
func loops(s *testkit.Session, q wire.Message) {
	m := bare(q)
	self := len(m)
	s.Send(wire.AppendRecord(m, 0, wire.Answer, pointer(self), wire.A, wire.IN, lifetime, forged.AsSlice()))
}

// expands answers with 4,600 records. Each has two names of 255 bytes, written as pointers.
func expands(s *testkit.Session, q wire.Message) {
	m := right(q)
	label := "\x3f" + strings.Repeat("x", 63)
	longest := wire.Name(label + label + label + "\x3d" + strings.Repeat("x", 61) + "\x00")
	at := len(m)
	m = wire.AppendRecord(m, 0, wire.Authority, longest, wire.NS, wire.IN, lifetime, pointer(at))
	for len(m)+14 <= wire.MaxMessage {
		m = wire.AppendRecord(m, 0, wire.Authority, pointer(at), wire.NS, wire.IN, lifetime, pointer(at))
	}
	s.Send(m)
}

// chains answers with pointers to pointers, thousands deep, and thousands of names that point into
// them.
func chains(s *testkit.Session, q wire.Message) {
	m := right(q)
	at := len(m) + 11
	chain := []byte("\x01x\x00")
	for last := at; at+len(chain) < 0x3f00; last = at + len(chain) - 2 {
		chain = append(chain, pointer(last)...)
	}
	end := at + len(chain) - 2
	m = wire.AppendRecord(m, 0, wire.Authority, wire.Name{0}, 65280, wire.IN, lifetime, chain)
	for len(m)+12 <= wire.MaxMessage {
		m = wire.AppendRecord(m, 0, wire.Authority, pointer(end), 65280, wire.IN, lifetime, nil)
	}
	s.Send(m)
}

// pointer returns a name that is nothing but a pointer (RFC 1035, section 4.1.4).
func pointer(to int) wire.Name { return wire.Name{0xc0 | byte(to>>8), byte(to)} }

// poisons answers rightly, and adds records of another name that nobody asked for.
func poisons(s *testkit.Session, q wire.Message) {
	m := right(q)
	name, _, _, _ := q.Question()
	victim := append(wire.Name("\x06victim"), name.Parent()...)
	m = wire.AppendRecord(m, 0, wire.Authority, name.Parent(), wire.NS, wire.IN, lifetime, victim)
	s.Send(wire.AppendRecord(m, 0, wire.Additional, victim, wire.A, wire.IN, lifetime, forged.AsSlice()))
}
