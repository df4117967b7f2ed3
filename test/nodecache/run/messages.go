package run

import (
	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// Messages is a testkit.Play that answers with messages as miekg/dns has them: nil is no answer.
func Messages(answer func(q *dns.Msg) *dns.Msg) testkit.Play {
	return func(s *testkit.Session, q wire.Message) {
		m := new(dns.Msg)
		if m.Unpack(q) != nil {
			return
		}
		if m = answer(m); m == nil {
			return
		}
		text, err := m.Pack()
		if err != nil {
			panic(err) // the test's own message
		}
		s.Send(text)
	}
}
