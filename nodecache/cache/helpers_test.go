package cache

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// usual returns a Policy with the bounds of a block without options.
func usual() *Policy {
	return &Policy{
		Positive: Bounds{Min: 0, Max: 3600},
		Denial:   Bounds{Min: 0, Max: 1800},
		ServFail: Backoff{First: 5 * time.Second},
		Stale:    time.Hour,
		StaleTTL: 30,
	}
}

// roomy returns a cache with room for all that a test stores.
func roomy() *Cache {
	l := Limits{Entries: 1000, Bytes: 1 << 20}
	return New(Options{Success: l, Denial: l, Failure: l})
}

// held returns how many bytes a class takes.
func (c *Cache) held(of class) (bytes int64) {
	for _, s := range c.shards {
		s.mu.Lock()
		bytes += s.parts[of].bytes
		s.mu.Unlock()
	}
	return bytes
}

// ask returns a query: a name, a type (A if there is none), and words for its bits.
func ask(t testing.TB, text string) *wire.Query {
	t.Helper()
	words := strings.Fields(text)
	q := &wire.Query{ID: 0x4242, RD: true, Name: testkit.Name(t, words[0]), Type: wire.A, Class: wire.IN}
	for _, w := range words[1:] {
		switch w {
		case "do":
			q.DO = true
		case "cd":
			q.CD = true
		case "ad":
			q.AD = true
		case "nord":
			q.RD = false
		default:
			q.Type = wire.Type(dns.StringToType[w])
		}
	}
	return q
}

// response returns an upstream's response to q, not compressed. It has records, with those of the
// authority section behind "--", or the name of a code.
func response(t testing.TB, q *wire.Query, records ...string) []byte {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(q.Name.String(), uint16(q.Type))
	m.Response, m.RecursionAvailable = true, true
	section := &m.Answer
	for _, text := range records {
		if text == "--" {
			section = &m.Ns
		} else if code, ok := dns.StringToRcode[text]; ok {
			m.Rcode = code
		} else {
			*section = append(*section, record(t, text))
		}
	}
	m.SetEdns0(1232, false)
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func record(t testing.TB, text string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const soa = "example. 600 SOA ns.example. root.example. 1 2 3 4 30"

// anyone are the servers that sent what tests store.
var anyone Servers

// store keeps a response and fails the test if it is not kept.
func store(t testing.TB, c *Cache, q *wire.Query, p *Policy, now time.Duration, records ...string) {
	t.Helper()
	if _, v, kept := c.Store(nil, q, response(t, q, records...), &anyone, p, now); !kept {
		t.Fatalf("%v: %v was not kept: %+v", q.Name, records, v)
	}
}

// get returns the state of a lookup, and its reply as text: the code and the records.
func get(t testing.TB, c *Cache, q *wire.Query, p *Policy, now time.Duration) (State, string) {
	t.Helper()
	b, _, state := c.Append([]byte("xy"), q, p, now)
	return state, describe(t, q, b, state)
}

// getStale is get with AppendStale.
func getStale(t testing.TB, c *Cache, q *wire.Query, p *Policy, now time.Duration) (State, string) {
	t.Helper()
	b, _, state := c.AppendStale([]byte("xy"), q, p, now)
	return state, describe(t, q, b, state)
}

func describe(t testing.TB, q *wire.Query, b []byte, state State) string {
	t.Helper()
	nothing := state == Miss
	if string(b[:2]) != "xy" || len(b) == 2 != nothing {
		t.Fatalf("state %d, %q", state, b)
	}
	if nothing {
		return ""
	}
	m := new(dns.Msg)
	if err := m.Unpack(b[2:]); err != nil {
		t.Fatal(err)
	}
	if m.Id != q.ID || !m.Response || !m.RecursionAvailable || m.RecursionDesired != q.RD || m.CheckingDisabled != q.CD ||
		m.Question[0].Name != q.Name.String() || m.Question[0].Qtype != uint16(q.Type) {
		t.Fatalf("a reply to another query than %+v: %v", q, m)
	}
	words := []string{dns.RcodeToString[m.Rcode]}
	for _, r := range append(m.Answer, m.Ns...) {
		words = append(words, strings.ReplaceAll(r.String(), "\t", " "))
	}
	return strings.Join(words, "; ")
}
