package hard

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// withoutEDNS plays refuse for queries that have an OPT record, and answers others rightly. It
// counts the queries with an OPT record for names that begin with "then".
func withoutEDNS(with *atomic.Int64, refuse testkit.Play) testkit.Play {
	return func(s *testkit.Session, q wire.Message) {
		if _, ok := q.OPT(); ok {
			if strings.HasPrefix(testkit.NameOf(q), "then") {
				with.Add(1)
			}
			refuse(s, q)
			return
		}
		answers(s, q)
	}
}

// says answers with a code, and without an OPT record.
func says(code wire.Rcode) testkit.Play {
	return func(s *testkit.Session, q wire.Message) {
		m := bare(q).StripOPT()
		m.SetFlags(wire.Flags(code), 0xf)
		s.Send(m)
	}
}

// TestUpstreamWithoutEDNS has an upstream that knows no EDNS. It says so, or drops queries that
// have an OPT record (RFC 6891, section 7). Each name resolves at once, for clients with EDNS, with
// DO and without EDNS. Through stock CoreDNS it does for the last of these, as that forwards queries
// as they are. Once the node cache knows the upstream, its queries have no OPT record.
func TestUpstreamWithoutEDNS(t *testing.T) {
	for what, refuse := range map[string]testkit.Play{"FORMERR": says(wire.FormError), "NOTIMP": says(wire.NotImpl), "silence": testkit.Silent} {
		for _, proto := range []string{"udp", "tcp"} {
			t.Run(what+" "+proto, func(t *testing.T) {
				var with atomic.Int64
				f := newServer(t)
				f.Do(withoutEDNS(&with, refuse))
				n, stock := start(t, block(".", proto, f)), startStock(t, proto, f)
				for i := range 5 {
					for kind, edit := range map[string]func(q *dns.Msg){
						"edns": func(*dns.Msg) {}, "do": func(q *dns.Msg) { q.IsEdns0().SetDo() }, "plain": func(q *dns.Msg) { q.Extra = nil },
					} {
						q := question(fmt.Sprintf("%s-%d.example.org.", kind, i))
						edit(q)
						if m, err := overUDP.exchange(n.addr, q); err != nil || len(m.Answer) != 1 {
							t.Errorf("%v: %v", err, m)
						}
						if kind != "plain" {
							continue
						}
						if m, err := overUDP.exchange(stock, q); err != nil || len(m.Answer) != 1 {
							t.Errorf("stock: %v: %v", err, m)
						}
					}
				}
				if failed := failures(n.addr, "then", 500, 20); failed > 0 {
					t.Errorf("%d of 500 failed", failed)
				}
				if n := with.Load(); n > 0 {
					t.Errorf("%d of 500 queries have an OPT record", n)
				}
			})
		}
	}
}
