package testkit

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Play says what a Server does with a query, which it owns. The queries of a connection come
// one after the other if the Server is InOrder, else side by side.
type Play func(s *Session, q wire.Message)

// Echo answers with the query as a response.
func Echo(s *Session, q wire.Message) { s.Send(Response(q)) }

// Silent answers nothing.
func Silent(*Session, wire.Message) {}

// Late does what p says after d.
func Late(d time.Duration, p Play) Play {
	return func(s *Session, q wire.Message) { s.After(d, func() { p(s, q) }) }
}

// Rcode answers with an RCODE and no records.
func Rcode(code wire.Rcode) Play {
	return func(s *Session, q wire.Message) {
		m := Response(q).StripOPT()
		wire.Message(m).SetFlags(wire.Flags(code), 0xf)
		s.Send(m)
	}
}

// Address answers queries for addr's type, A or AAAA, with addr and a TTL in seconds. Other
// types have no data.
func Address(addr string, ttl uint32) Play {
	a := netip.MustParseAddr(addr)
	of := wire.A
	if a.Is6() {
		of = wire.AAAA
	}
	return func(s *Session, q wire.Message) {
		m := Response(q).StripOPT()
		if _, t, _, _ := q.Question(); t == of {
			m = wire.AppendRecord(m, 0, wire.Answer, nil, of, wire.IN, ttl, a.AsSlice())
		}
		s.Send(m)
	}
}

// Response returns a copy of q as a recursive server's response.
func Response(q wire.Message) wire.Message {
	m := wire.Message(bytes.Clone(q))
	m.SetFlags(wire.QR|wire.RA, wire.AD)
	return m
}

// NameOf returns the name that m asks for, in lower case and with its final dot. It is empty
// if m has no question.
func NameOf(m wire.Message) string {
	name, _, _, ok := m.Question()
	if !ok {
		return ""
	}
	return strings.ToLower(name.String())
}
