package wire

import (
	"testing"

	"github.com/miekg/dns"
)

// pack returns m in wire form.
func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpack reads b with a parser that is not ours.
func unpack(t testing.TB, b []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("%v: %x", err, b)
	}
	return m
}

func rr(t testing.TB, text string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rrs(t testing.TB, texts ...string) (list []dns.RR) {
	t.Helper()
	for _, text := range texts {
		list = append(list, rr(t, text))
	}
	return list
}

// question returns a query as a stub resolver sends it.
func question(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.Id = 0x1234
	return m
}

// withOPT adds an OPT record with the options given.
func withOPT(m *dns.Msg, size uint16, do bool, options ...dns.EDNS0) *dns.Msg {
	m.SetEdns0(size, do)
	m.IsEdns0().Option = options
	return m
}

// reply returns a response to a query with the answers given.
func reply(t testing.TB, q *dns.Msg, answer ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetReply(q)
	m.Answer = rrs(t, answer...)
	return m
}

func name(t testing.TB, text string) Name {
	t.Helper()
	n, err := ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func parse(t testing.TB, m *dns.Msg) *Query {
	t.Helper()
	q := new(Query)
	if s := q.Parse(pack(t, m)); s != Valid {
		t.Fatalf("status %d of %v", s, m)
	}
	return q
}
