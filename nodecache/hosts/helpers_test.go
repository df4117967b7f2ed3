package hosts

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table returns the Table of lines without a fault.
func table(t testing.TB, o Options, lines ...string) *Table {
	t.Helper()
	tab, faults := Parse("hosts", []byte(strings.Join(lines, "\n")), o)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return tab
}

// query returns a query of class IN.
func query(t testing.TB, text string, qtype wire.Type) *wire.Query {
	t.Helper()
	return &wire.Query{ID: 0x1234, RD: true, Name: testkit.Name(t, text), Type: qtype, Class: wire.IN}
}

// ask returns what tab answers to a question: the records as text without TTL and owner. It
// checks everything else of the reply.
func ask(t testing.TB, tab *Table, text string, qtype wire.Type) (string, State) {
	t.Helper()
	q := query(t, text, qtype)
	dst := []byte("before")
	got, state := tab.Append(dst, q, 7)
	if string(got[:len(dst)]) != string(dst) {
		t.Fatalf("dst was changed: %q", got)
	}
	if state == Elsewhere || state == Absent {
		if len(got) > len(dst) {
			t.Fatalf("state %d with a reply", state)
		}
		return "", state
	}
	return records(t, q, got[len(dst):]), state
}

func records(t testing.TB, q *wire.Query, reply []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("%v: %x", err, reply)
	}
	if !q.Matches(reply) || !m.Authoritative || !m.RecursionDesired || !m.RecursionAvailable || m.Rcode != 0 || len(m.Ns)+len(m.Extra) > 0 {
		t.Fatalf("reply %v", m)
	}
	var list []string
	for _, r := range m.Answer {
		h := r.Header()
		if h.Name != m.Question[0].Name || h.Ttl != 7 || h.Class != dns.ClassINET || h.Rrtype != uint16(q.Type) {
			t.Fatalf("record %v", r)
		}
		list = append(list, strings.TrimPrefix(r.String(), h.String()))
	}
	return strings.Join(list, " ")
}

// reverseOf returns the name in the reverse zones that stands for addr.
func reverseOf(t testing.TB, addr netip.Addr) wire.Name {
	t.Helper()
	text, err := dns.ReverseAddr(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	return testkit.Name(t, text)
}
