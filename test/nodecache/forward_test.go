package nodecache

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestForwardHost forwards to a host by its name. The node cache asks the `resolver` for its
// addresses and follows their changes. It asks from the `source_address`.
func TestForwardHost(t *testing.T) {
	t.Parallel()
	const source = "127.0.0.7"
	port := testkit.FreePort(t)
	one, two := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port)
	for addr, answer := range map[netip.AddrPort]string{one: "192.0.2.1", two: "192.0.2.2"} {
		testkit.Start(t, &testkit.Server{Addr: addr, Play: func(s *testkit.Session, q wire.Message) {
			if host := s.From.Addr().String(); host != source {
				t.Errorf("%v was asked from %s over %s, expected %s", addr, host, s.Network(), source)
			}
			testkit.Address(answer, 60)(s, q)
		}})
	}
	var at atomic.Value
	at.Store(one)
	resolver := testkit.Serve(t, func(s *testkit.Session, q wire.Message) {
		if name := testkit.NameOf(q); name != "servers.example." {
			t.Errorf("the resolver was asked for %s", name)
		}
		testkit.Address(at.Load().(netip.AddrPort).Addr().String(), 1)(s, q)
	}).Addr
	for _, tcp := range []string{"", "force_tcp"} {
		at.Store(one)
		addr := testkit.FreeAddr(t)
		forward := fmt.Sprintf("servers.example:%d {\n\t\tresolver %s\n\t\tsource_address %s\n\t\t%s\n\t}", port, resolver, source, tcp)
		node := run.NodeCache(t, simple(forward, "", addr))
		node.Answers(addr)
		run.Equal(t, "at first", run.Dig(t, addr, "a.example"), "NOERROR; a.example. A 192.0.2.1")
		at.Store(two)
		node.Logs("upstream servers changed", two.String())
		run.Equal(t, "after the change", run.Dig(t, addr, "b.example"), "NOERROR; b.example. A 192.0.2.2")
		node.Stop()
	}
}

// TestForwards has several forwards in one block. One asks another's servers as `except`, `next`
// and `failover` say.
func TestForwards(t *testing.T) {
	t.Parallel()
	bad, good, other := testkit.Serve(t, testkit.Rcode(wire.Refused)).Addr, testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr, testkit.Serve(t, testkit.Address("192.0.2.2", 60)).Addr
	for what, test := range map[string]struct{ forwards, want string }{
		"failover":            {fmt.Sprintf("forward . %s %s {\n policy sequential\n failover REFUSED\n}", bad, good), "NOERROR; a.example. A 192.0.2.1"},
		"failover, other":     {fmt.Sprintf("forward . %s %s {\n policy sequential\n failover SERVFAIL\n}", bad, good), "REFUSED"},
		"next":                {fmt.Sprintf("forward . %s {\n next REFUSED\n}\nforward . %s", bad, other), "NOERROR; a.example. A 192.0.2.2"},
		"next, other":         {fmt.Sprintf("forward . %s {\n next NXDOMAIN\n}\nforward . %s", bad, other), "REFUSED"},
		"except":              {fmt.Sprintf("forward . %s {\n except example\n}\nforward example %s", good, other), "NOERROR; a.example. A 192.0.2.2"},
		"except, other":       {fmt.Sprintf("forward . %s {\n except example.org\n}\nforward example %s", good, other), "NOERROR; a.example. A 192.0.2.1"},
		"the first that fits": {fmt.Sprintf("forward org %s\nforward example %s", good, other), "NOERROR; a.example. A 192.0.2.2"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			addr := testkit.FreeAddr(t)
			node := run.NodeCache(t, fmt.Sprintf(".:%d {\nbind 127.0.0.1\ncache\n%s\n}\n", addr.Port(), test.forwards))
			node.Answers(addr)
			run.Equal(t, "answer", run.Dig(t, addr, "a.example"), test.want)
		})
	}
}

// TestClusterDomain shows that names are cut below svc.<cluster domain> (RFC 8020), and no others.
// Upstream says that the namespace exists in either domain.
func TestClusterDomain(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, run.Messages(func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		if strings.HasPrefix(q.Question[0].Name, "team-1.svc.") {
			m.Rcode = dns.RcodeSuccess
		}
		soa, _ := dns.NewRR(". 60 IN SOA ns. root. 1 60 60 60 60")
		m.Ns = []dns.RR{soa}
		return m
	})).Addr
	for domain, cut := range map[string]string{"corp.example": "corp.example", "corp.example.": "corp.example", "": "cluster.local"} {
		addr := testkit.FreeAddr(t)
		var args []string
		if domain != "" {
			args = []string{"-cluster-domain", domain}
		}
		node := run.NodeCache(t, example(addr, upstream, ""), args...)
		node.Answers(addr)
		for _, below := range []string{"corp.example", "cluster.local"} {
			before := node.Scrape().Sum("nodecache_cut_answers_total")
			for i := range 20 {
				a := run.Dig(t, addr, fmt.Sprintf("www.site-%d.com.team-1.svc.%s", i, below))
				if !strings.HasPrefix(a.String(), "NXDOMAIN") {
					t.Fatal(a)
				}
			}
			if cuts := node.Scrape().Sum("nodecache_cut_answers_total") - before; (cuts > 0) != (below == cut) {
				t.Errorf("-cluster-domain %q: %v answers are cut below %s", domain, cuts, below)
			}
		}
		node.Stop()
	}
}

// TestConnectAttempts shows that a query is given up after as many tries as `max_connect_attempts`
// says.
func TestConnectAttempts(t *testing.T) {
	t.Parallel()
	dead, good := testkit.FreeAddr(t), testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr
	for option, want := range map[string]string{"": "NOERROR; a.example. A 192.0.2.1", "max_connect_attempts 1": "SERVFAIL", "max_connect_attempts 2": "NOERROR; a.example. A 192.0.2.1"} {
		addr := testkit.FreeAddr(t)
		node := run.NodeCache(t, simple(fmt.Sprintf("%s %s {\npolicy sequential\nforce_tcp\n%s\n}", dead, good, option), "", addr))
		node.Answers(addr)
		run.Equal(t, option, run.Dig(t, addr, "a.example").String(), want)
		node.Stop()
	}
}

// TestHealthCheck has a server fall silent. The node cache checks it with the question that
// `health_check` says, with recursion desired or not.
func TestHealthCheck(t *testing.T) {
	t.Parallel()
	for option, want := range map[string]struct {
		name    string
		recurse bool
	}{
		"":                                   {".", true},
		"health_check 100ms":                 {".", true},
		"health_check 100ms no_rec":          {".", false},
		"health_check 100ms domain a.b":      {"a.b.", true},
		"health_check 1s no_rec domain a.b.": {"a.b.", false},
	} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			checks := make(chan *dns.Msg, 100)
			up, addr := testkit.Serve(t, run.Messages(func(q *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeNS {
					checks <- q
				}
				return nil
			})).Addr, testkit.FreeAddr(t)
			node := run.NodeCache(t, simple(up.String()+" {\nread_timeout 200ms\n"+option+"\n}", "", addr))
			node.Answers(addr)
			run.Equal(t, "answer", run.Dig(t, addr, "a.example").String(), "SERVFAIL")
			for range 2 {
				select {
				case q := <-checks:
					if q.Question[0].Name != want.name || q.RecursionDesired != want.recurse {
						t.Errorf("checked with %s, RD %v", q.Question[0].Name, q.RecursionDesired)
					}
				case <-time.After(testkit.Patience):
					t.Fatal("no check")
				}
			}
		})
	}
}
