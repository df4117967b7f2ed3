package hard

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// wrongIDs answers every query but the one that was asked.
func wrongIDs(s *session, q wire.Message) {
	m := wrong(q)
	m.SetID(q.ID() + 1)
	s.send(m)
}

// strangersFirst sends n messages that answer nothing before the answer.
func strangersFirst(n int) play {
	return func(s *session, q wire.Message) {
		for i := range n {
			m := wrong(q)
			m.SetID(q.ID() + 1 + uint16(i))
			s.send(m)
		}
		answers(s, q)
	}
}

// forgers sends many forged datagrams. Over TCP it answers rightly.
func forgers(s *session, q wire.Message) {
	if s.tcp() {
		answers(s, q)
		return
	}
	for i := range 32 {
		m := wrong(q)
		m.SetID(q.ID() + 1 + uint16(i))
		s.send(m)
	}
}

// asked returns a play that answers another question under the ID of the query.
func asked(name string, t wire.Type, c wire.Class) play {
	return func(s *session, q wire.Message) {
		other := wire.Query{ID: q.ID(), RD: true, Type: t, Class: c}
		if other.Name, _, _, _ = q.Question(); name != "" {
			other.Name, _ = wire.ParseName(name)
		}
		m := wire.AppendHeader(nil, &other, wire.NoError, wire.RA)
		s.send(wire.AppendRecord(m, 0, wire.Answer, nil, wire.A, wire.IN, lifetime, forged.AsSlice()))
	}
}

// noQuestion answers without the question.
func noQuestion(s *session, q wire.Message) {
	m := wire.AppendHeader(nil, &wire.Query{ID: q.ID()}, wire.NoError, wire.RA)
	name, _, _, _ := q.Question()
	s.send(wire.AppendRecord(m, 0, wire.Answer, name, wire.A, wire.IN, lifetime, forged.AsSlice()))
}

// noResponse answers with another query.
func noResponse(s *session, q wire.Message) {
	m := wrong(q)
	m.SetFlags(0, wire.QR)
	s.send(m)
}

// shouted answers in capital letters, which is no wrong answer.
func shouted(s *session, q wire.Message) {
	m := right(q)
	name, _, _, _ := m.Question()
	for i, c := range name {
		if 'a' <= c && c <= 'z' {
			name[i] = c - 'a' + 'A'
		}
	}
	s.send(m)
}

// late does what p does when nobody waits for it any more, or hardly so.
func late(d time.Duration, p play) play {
	return func(s *session, q wire.Message) { s.after(d, func() { p(s, q) }) }
}

// forging answers with the forged address.
func forging(s *session, q wire.Message) { s.send(wrong(q)) }

// twice answers, and contradicts itself.
func twice(s *session, q wire.Message) {
	answers(s, q)
	forging(s, q)
}

// garbage answers with random messages.
func garbage(s *session, q wire.Message) {
	for range 10 {
		s.send(random(rand.IntN(600)))
	}
}

// noise answers with bytes that are no messages.
func noise(s *session, q wire.Message) { s.raw(random(1 + rand.IntN(2000))) }

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// truncated says over UDP and TCP that there is more.
func truncated(s *session, q wire.Message) {
	m := right(q)
	m.SetFlags(wire.TC, 0)
	s.send(m)
}

// overTCPOnly truncates what it says over UDP, as servers do.
func overTCPOnly(s *session, q wire.Message) {
	if s.tcp() {
		answers(s, q)
		return
	}
	m := wrong(q)
	m.SetFlags(wire.TC, 0)
	s.send(m)
}

// fromElsewhere answers from a port that was not asked.
func fromElsewhere(s *session, q wire.Message) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = c.WriteTo(wrong(q), net.UDPAddrFromAddrPort(s.from))
}

// closes closes the connection.
func closes(s *session, q wire.Message) { _ = s.conn.Close() }

// resets resets it.
func resets(s *session, q wire.Message) {
	_ = s.conn.(*net.TCPConn).SetLinger(0)
	_ = s.conn.Close()
}

// halfAnswers closes it in the middle of the answer.
func halfAnswers(s *session, q wire.Message) {
	m := right(q)
	s.raw(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m[:len(m)/2]...))
	_ = s.conn.Close()
}

// silent says nothing.
func silent(*session, wire.Message) {}

// deaf reads nothing more.
func deaf(s *session, _ wire.Message) { <-s.done }

// drips sends an octet a second.
func drips(s *session, q wire.Message) {
	m := right(q)
	for _, b := range append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...) {
		if !s.wait(time.Second) {
			return
		}
		s.raw([]byte{b})
	}
}

// reverses answers what came within 50 ms in reverse order.
func reverses(s *session, q wire.Message) {
	s.mu.Lock()
	s.held = append(s.held, right(q))
	first := len(s.held) == 1
	s.mu.Unlock()
	if !first {
		return
	}
	s.after(50*time.Millisecond, func() {
		s.mu.Lock()
		all := s.held
		s.held = nil
		s.mu.Unlock()
		for _, m := range slices.Backward(all) {
			s.send(m)
		}
	})
}

// long answers with a message as long as can be: a record of an unknown type is the rest.
func long(s *session, q wire.Message) {
	m := right(q)
	data := make([]byte, wire.MaxMessage-len(m)-11)
	s.send(wire.AppendRecord(m, 0, wire.Additional, wire.Name{0}, 65280, wire.IN, lifetime, data))
}

// many answers with thousands of addresses.
func many(s *session, q wire.Message) {
	m, addr := right(q), addressOf(nameOf(q)).AsSlice()
	for len(m)+16 <= wire.MaxMessage {
		m = wire.AppendRecord(m, 0, wire.Answer, nil, wire.A, wire.IN, lifetime, addr)
	}
	s.send(m)
}

// ones answers with a header, and then with 65,000 octets of 255.
func ones(s *session, q wire.Message) {
	m := bare(q)
	m[7] = 1
	s.send(append(m, bytes.Repeat([]byte{0xff}, wire.MaxMessage-len(m))...))
}

// counts promises 65,535 records and sends one.
func counts(s *session, q wire.Message) {
	m := wrong(q)
	m[6], m[7] = 0xff, 0xff
	s.send(m)
}

// loops has names point to themselves.
func loops(s *session, q wire.Message) {
	m := bare(q)
	self := len(m)
	s.send(wire.AppendRecord(m, 0, wire.Answer, pointer(self), wire.A, wire.IN, lifetime, forged.AsSlice()))
}

// expands has 4,600 records with two names each of 255 octets, written as pointers.
func expands(s *session, q wire.Message) {
	m := right(q)
	label := "\x3f" + strings.Repeat("x", 63)
	longest := wire.Name(label + label + label + "\x3d" + strings.Repeat("x", 61) + "\x00")
	at := len(m)
	m = wire.AppendRecord(m, 0, wire.Authority, longest, wire.NS, wire.IN, lifetime, pointer(at))
	for len(m)+14 <= wire.MaxMessage {
		m = wire.AppendRecord(m, 0, wire.Authority, pointer(at), wire.NS, wire.IN, lifetime, pointer(at))
	}
	s.send(m)
}

// chains has pointers to pointers, thousands deep, and thousands of names that end there.
func chains(s *session, q wire.Message) {
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
	s.send(m)
}

// pointer returns a name that is a pointer only (RFC 1035, section 4.1.4).
func pointer(to int) wire.Name { return wire.Name{0xc0 | byte(to>>8), byte(to)} }

// poisons answers rightly, and says of another name what it was not asked.
func poisons(s *session, q wire.Message) {
	m := right(q)
	name, _, _, _ := q.Question()
	victim := append(wire.Name("\x06victim"), name.Parent()...)
	m = wire.AppendRecord(m, 0, wire.Authority, name.Parent(), wire.NS, wire.IN, lifetime, victim)
	s.send(wire.AppendRecord(m, 0, wire.Additional, victim, wire.A, wire.IN, lifetime, forged.AsSlice()))
}
