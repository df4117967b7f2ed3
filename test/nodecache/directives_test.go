package nodecache

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// source is a server. Names that begin with no. do not exist, and others have one record of each
// type. The TXT record is large.
type source struct {
	addr netip.AddrPort

	mu      sync.Mutex
	queries []*dns.Msg
	network []string // that each came over
}

func newSource(t *testing.T) *source {
	s := new(source)
	answer := run.Messages(s.answer)
	s.addr = testkit.Serve(t, func(from *testkit.Session, q wire.Message) {
		s.mu.Lock()
		s.network = append(s.network, from.Network())
		s.mu.Unlock()
		answer(from, q)
	}).Addr
	return s
}

func (s *source) answer(q *dns.Msg) *dns.Msg {
	s.mu.Lock()
	s.queries = append(s.queries, q)
	s.mu.Unlock()
	m, name := new(dns.Msg).SetReply(q), q.Question[0].Name
	add := func(section *[]dns.RR, text string) {
		r, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		*section = append(*section, r)
	}
	switch q.Question[0].Qtype {
	case dns.TypeA:
		add(&m.Answer, name+" 300 A 192.0.2.1")
	case dns.TypeAAAA:
		add(&m.Answer, name+" 300 AAAA 2001:db8::1")
	case dns.TypeTXT:
		add(&m.Answer, name+" 300 TXT"+strings.Repeat(" "+strings.Repeat("x", 200), 4))
	}
	if strings.HasPrefix(name, "no.") {
		m.Rcode, m.Answer = dns.RcodeNameError, nil
		add(&m.Ns, ". 300 SOA ns. root. 1 60 60 60 300")
	}
	return m
}

// asked returns how often s was asked for each name and type.
func (s *source) asked() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for _, q := range s.queries {
		n[strings.TrimSuffix(q.Question[0].Name, ".")+" "+dns.Type(q.Question[0].Qtype).String()]++
	}
	return n
}

// TestDirectives shows that the options of a Corefile have their effects.
func TestDirectives(t *testing.T) {
	t.Parallel()
	hosts := run.Write(t, t.TempDir(), "hosts", "192.0.2.9 a.example\n")
	const both, aaaa = "NOERROR; a.example. A 192.0.2.1", "NOERROR; a.example. AAAA 2001:db8::1"
	type ask struct{ words, want string }
	for what, test := range map[string]struct {
		lines string
		asks  []ask
		asked map[string]int // upstream was, for names and types
	}{
		"nothing":      {"", []ask{{"a.example A", both}, {"a.example A", both}, {"a.example AAAA", aaaa}}, map[string]int{"a.example A": 2, "a.example AAAA": 1}},
		"cache":        {"cache", []ask{{"a.example A", both}, {"a.example A", both}, {"no.example A", "NXDOMAIN"}, {"no.example A", "NXDOMAIN"}}, map[string]int{"a.example A": 1, "no.example A": 1}},
		"cache ZONES":  {"cache 300 example.org", []ask{{"a.example A", both}, {"a.example A", both}, {"a.example.org A", ""}, {"a.example.org A", ""}}, map[string]int{"a.example A": 2, "a.example.org A": 1}},
		"no success":   {"cache {\ndisable success\n}", []ask{{"a.example A", both}, {"a.example A", both}, {"no.example A", "NXDOMAIN"}, {"no.example A", "NXDOMAIN"}}, map[string]int{"a.example A": 2, "no.example A": 1}},
		"no denial":    {"cache {\ndisable denial\n}", []ask{{"a.example A", both}, {"a.example A", both}, {"no.example A", "NXDOMAIN"}, {"no.example A", "NXDOMAIN"}}, map[string]int{"a.example A": 1, "no.example A": 2}},
		"denial ZONES": {"cache {\ndisable denial org\n}", []ask{{"no.org A", ""}, {"no.org A", ""}, {"no.example A", ""}, {"no.example A", ""}}, map[string]int{"no.org A": 2, "no.example A": 1}},
		"family ipv4":  {"family ipv4", []ask{{"a.example A", both}, {"a.example AAAA", "NOERROR"}}, map[string]int{"a.example A": 1}},
		"template":     {"template IN AAAA {\nrcode NOERROR\n}", []ask{{"a.example A", both}, {"a.example AAAA", "NOERROR"}}, map[string]int{"a.example A": 1}},
		"hosts FILE":   {"hosts " + hosts + " {\nfallthrough\n}", []ask{{"a.example A", "NOERROR; a.example. A 192.0.2.9"}, {"b.example A", "NOERROR; b.example. A 192.0.2.1"}}, map[string]int{"b.example A": 1}},
		"bufsize":      {"bufsize 512", []ask{{"+notcp +ignore +bufsize=4096 a.example TXT", "TC"}}, map[string]int{"a.example TXT": 1}},
		"no bufsize":   {"", []ask{{"+notcp +ignore +bufsize=4096 a.example TXT", ""}}, map[string]int{"a.example TXT": 1}},
		"hosts inline": {"hosts {\n192.0.2.8 a.example\nfallthrough\n}\nfamily ipv4\ncache", []ask{{"a.example A", "NOERROR; a.example. A 192.0.2.8"}, {"b.example AAAA", "NOERROR"}}, map[string]int{}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			up, addr := newSource(t), testkit.FreeAddr(t)
			node := run.NodeCache(t, fmt.Sprintf(".:%d {\nbind 127.0.0.1\n%s\nforward . %s\n}\n", addr.Port(), test.lines, up.addr))
			node.Answers(addr)
			for _, a := range test.asks {
				got := run.Dig(t, addr, strings.Fields(a.words)...)
				if a.want == "TC" && got.Flag("tc") {
					continue
				}
				if a.want != "" && got.String() != a.want || got.Flag("tc") {
					t.Errorf("%s: got %s, want %s", a.words, got, a.want)
				}
			}
			run.Equal(t, "asked upstream", fmt.Sprint(up.asked()), fmt.Sprint(test.asked))
		})
	}
}

// TestKeepaliveAsked shows that the node cache asks for edns-tcp-keepalive over TCP, and only there
// (RFC 7828, section 3.2.1).
func TestKeepaliveAsked(t *testing.T) {
	t.Parallel()
	for options, network := range map[string]string{"": "udp", "prefer_udp": "udp", "force_tcp": "tcp", "prefer_udp\nforce_tcp": "tcp"} {
		up, addr := newSource(t), testkit.FreeAddr(t)
		node := run.NodeCache(t, fmt.Sprintf(".:%d {\nbind 127.0.0.1\nforward . %s {\n%s\n}\n}\n", addr.Port(), up.addr, options))
		node.Answers(addr)
		run.Dig(t, addr, "+tcp", "a.example")
		up.mu.Lock()
		queries, networks := up.queries, up.network
		up.mu.Unlock()
		if len(queries) != 1 || networks[0] != network || queries[0].IsEdns0() == nil {
			t.Fatalf("%q: asked %v over %v, want once over %s with EDNS", options, queries, networks, network)
		}
		asks := false
		for _, o := range queries[0].IsEdns0().Option {
			asks = asks || o.Option() == dns.EDNS0TCPKEEPALIVE
		}
		if asks != (network == "tcp") {
			t.Errorf("%q: over %s, keepalive is asked for: %v", options, network, asks)
		}
		node.Stop()
	}
}
