package querylog

import (
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/neardns/neardns/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// query returns a query like a stub resolver's, and a view of it.
func query(t testing.TB, name string, qtype uint16) (*dns.Msg, *wire.Query) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.Id = 0x1234
	q := new(wire.Query)
	if s := q.Parse(pack(t, m)); s != wire.Valid {
		t.Fatalf("status %d of %v", s, m)
	}
	return m, q
}

// reply returns a reply with a code and records.
func reply(t testing.TB, q *dns.Msg, rcode int, answer, authority []string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetRcode(q, rcode)
	m.Answer, m.Ns = rrs(t, answer), rrs(t, authority)
	if rcode > 15 {
		m.SetEdns0(1232, false)
	}
	return pack(t, m)
}

func rrs(t testing.TB, texts []string) (list []dns.RR) {
	t.Helper()
	for _, text := range texts {
		r, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}
