package kubernetes

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/upstream"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"

	_ "github.com/coredns/coredns/plugin/autopath"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/dns64"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/rewrite"
	_ "github.com/coredns/coredns/plugin/template"
)

// testDirective stands for `kubernetes` in Corefiles of tests: its records are what a test
// writes. It has the place in the chain that CoreDNS keeps for k8s_external.
const testDirective = "k8s_external"

// written is what testDirective serves.
var written struct {
	store *zone.Store
	*zone.Writer
}

// lookups counts what testDirective asked the server.
var lookups atomic.Int32

type counted struct{ *upstream.Upstream }

func (c counted) Lookup(ctx context.Context, state request.Request, name string, typ uint16) (*dns.Msg, error) {
	lookups.Add(1)
	return c.Upstream.Lookup(ctx, state, name, typ)
}

func TestMain(m *testing.M) {
	debug.SetMaxStack(64 << 20) // an endless recursion ends the test before it ends the machine
	plugin.Register(testDirective, func(c *caddy.Controller) error {
		cfg := testConfig()
		cfg.zones = []string{"cluster.local.", "other.local.", "clusterset.local."}
		cfg.fallthroughZones = []string{"other.local."}
		k := newHandler(cfg)
		k.upstream = counted{upstream.New()}
		k.search = []string{"apps.example.", "other.local."}
		k.responder.Store = written.store
		k.install(c, planOf(c))
		return nil
	})
	os.Exit(m.Run())
}

// newCluster gives testDirective a cluster to serve, in which 127.0.0.1 is a Pod.
func newCluster() {
	written.store = zone.New(testConfig().names)
	written.Writer = zone.NewWriter(written.store)
	ip := func(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }
	written.SetNamespace("default")
	written.SetPod(&zone.Pod{Namespace: "default", Name: "client", Addrs: ip("127.0.0.1")})
	written.SetService(zone.Local, &zone.Service{Key: zone.Key{Namespace: "default", Name: "web"}, Addrs: ip("10.96.0.20")})
	written.SetService(zone.Imported, &zone.Service{Key: zone.Key{Namespace: "default", Name: "far"}, Addrs: ip("10.112.0.5")})
	written.SetSynced()
}

// startServer starts a CoreDNS with a Corefile in which HOST and PORT stand for where it
// listens, and returns that.
func startServer(t testing.TB, corefile string) string {
	t.Helper()
	pid := os.Getpid()
	host := fmt.Sprintf("127.%d.%d.%d", 1+pid>>16, pid>>8&255, pid&255) // CoreDNS shares ports, also with other tests
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dnsserver.Quiet = true
	text := strings.NewReplacer("HOST", host, "PORT", strings.TrimPrefix(address, host+":")).Replace(corefile)
	instance, err := caddy.Start(caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(text), ServerTypeName: "dns"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		instance.ShutdownCallbacks()
		if err := instance.Stop(); err != nil {
			t.Error(err)
		}
	})
	return address
}

// alias writes an ExternalName Service of the namespace default.
func alias(name, target string) {
	written.SetService(zone.Local, &zone.Service{Key: zone.Key{Namespace: "default", Name: name}, Kind: zone.ExternalName, Target: target})
}

// exchange asks a server over UDP, and over TCP where it says so.
func exchange(t testing.TB, address, name string, qtype uint16) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, Timeout: 30 * time.Second}
		r, _, err := c.Exchange(m, address)
		if err != nil {
			t.Fatalf("%s %s over %s: %v", name, dns.TypeToString[qtype], network, err)
		}
		if !r.Truncated {
			return r
		}
	}
	t.Fatalf("%s is truncated over TCP", name)
	return nil
}

// way is what an answer says, in its order: the target of each CNAME record and each address,
// then the rcode unless it is NOERROR.
func way(m *dns.Msg) string {
	var words []string
	for _, rr := range m.Answer {
		words = append(words, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if m.Rcode != dns.RcodeSuccess {
		words = append(words, dns.RcodeToString[m.Rcode])
	}
	return strings.Join(words, " ")
}

// outsideNames are what the rest of the server knows in the tests below.
const outsideNames = `
    template IN ANY fail.example {
        rcode SERVFAIL
    }
    template IN A www.example {
        answer "{{ .Name }} 60 IN A 192.0.2.7"
    }
    template IN ANY missing.example {
        rcode NXDOMAIN
        authority "example. 60 IN SOA ns.example. admin.example. 1 7200 900 86400 30"
    }
`

// theChain is a server with the plugins that send queries through it again. Each zone's
// aliases may lead to every other's.
const theChain = `
cluster.local:PORT other.local:PORT clusterset.local:PORT example:PORT {
    bind HOST
    cache 30
    rewrite name suffix .apps.example .default.svc.cluster.local answer auto
    rewrite cname suffix .cname.example. .default.svc.cluster.local.
` + outsideNames + `
    k8s_external
    file testdata/other.local.zone other.local
}
net.example:PORT {
    bind HOST
    rewrite name suffix .net.example .default.svc.cluster.local answer auto
    forward . HOST:PORT
}
file.example:PORT {
    bind HOST
    file testdata/file.example.zone file.example
}
`

// TestAliasesInCircles asks for aliases that lead back to themselves by every way there is: one
// query must neither end the process nor take its memory, and whoever may create a Service
// can write them. RFC 1034, section 3.6.2: a loop is signalled as an error.
func TestAliasesInCircles(t *testing.T) {
	newCluster()
	address := startServer(t, theChain)
	for _, tt := range []struct {
		name    string
		aliases []string // a name and its target, and so on
		want    string   // at the first alias
	}{
		{"itself", []string{"a1", "a1.default.svc.cluster.local"}, "a1.default.svc.cluster.local. SERVFAIL"},
		{"one zone", []string{"a2", "b2.default.svc.cluster.local", "b2", "a2.default.svc.cluster.local"},
			"b2.default.svc.cluster.local. a2.default.svc.cluster.local. SERVFAIL"},
		{"two zones", []string{"a3", "b3.default.svc.other.local", "b3", "a3.default.svc.cluster.local"},
			"b3.default.svc.other.local. a3.default.svc.cluster.local. SERVFAIL"},
		{"rewritten", []string{"a4", "a4.apps.example"}, "a4.apps.example. SERVFAIL"},
		{"rewritten, two zones", []string{"a5", "b5.default.svc.other.local", "b5", "a5.apps.example"},
			"b5.default.svc.other.local. a5.apps.example. SERVFAIL"},
		{"through the network", []string{"a7", "a7.net.example"}, "SERVFAIL"},
		// The file plugin takes records from us, and makes NOERROR of any rcode.
		{"through a zone file", []string{"back", "back.file.example"}, "back.file.example. back.default.svc.cluster.local."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := 0; i < len(tt.aliases); i += 2 {
				alias(tt.aliases[i], tt.aliases[i+1])
			}
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX} {
				r := exchange(t, address, tt.aliases[0]+".default.svc.cluster.local.", qtype)
				if got := way(r); got != tt.want && !(strings.HasSuffix(got, " SERVFAIL") && tt.want == "SERVFAIL") {
					t.Errorf("%s: %q, want %q", dns.TypeToString[qtype], got, tt.want)
				}
			}
		})
	}
	alias("fine", "www.example")
	if got := way(exchange(t, address, "fine.default.svc.cluster.local.", dns.TypeA)); got != "www.example. 192.0.2.7" {
		t.Errorf("afterwards: %s", got)
	}
}

// TestTarget asks for aliases of every kind of target: what becomes of the target is the
// answer's rcode, with the alias's record (RFC 6604, section 3), and the SOA of the zone of a
// target without records says how long to keep that (RFC 2308, section 2).
func TestTarget(t *testing.T) {
	newCluster()
	address := startServer(t, theChain)
	for i, tt := range []struct {
		target string
		qtype  uint16
		want   string
		soa    string
	}{
		{"web.default.svc.cluster.local", dns.TypeA, "web.default.svc.cluster.local. 10.96.0.20", ""},
		{"web.default.svc.cluster.local", dns.TypeAAAA, "web.default.svc.cluster.local.", "cluster.local."},
		{"web.default.svc.other.local", dns.TypeAAAA, "web.default.svc.other.local.", "other.local."},
		{"late.default.svc.other.local", dns.TypeA, "late.default.svc.other.local. 192.0.2.8", ""},
		{"late.default.svc.other.local", dns.TypeTXT, `late.default.svc.other.local. "hello"`, ""},
		{"none.default.svc.other.local", dns.TypeA, "none.default.svc.other.local. NXDOMAIN", "other.local."},
		{"none.default.svc.cluster.local", dns.TypeA, "none.default.svc.cluster.local. NXDOMAIN", "cluster.local."},
		{"default.svc.cluster.local", dns.TypeA, "default.svc.cluster.local.", "cluster.local."},
		{"cluster.local", dns.TypeA, "cluster.local.", "cluster.local."},
		{"missing.example", dns.TypeA, "missing.example. NXDOMAIN", "example."},
		{"fail.example", dns.TypeA, "fail.example. SERVFAIL", ""},
		{"refused.test", dns.TypeA, "refused.test. SERVFAIL", ""},
		{"www.example", dns.TypeCNAME, "www.example.", ""},
		{"www.example", dns.TypeANY, "www.example.", ""},
	} {
		name := fmt.Sprintf("t%d", i)
		alias(name, tt.target)
		for _, zone := range []string{"cluster.local.", "other.local."} {
			r := exchange(t, address, name+".default.svc."+zone, tt.qtype)
			var soa string
			if len(r.Ns) > 0 {
				soa = r.Ns[0].Header().Name
			}
			if got := way(r); got != tt.want || soa != tt.soa {
				t.Errorf("%s %s in %s: %q with SOA %q, want %q with %q", tt.target, dns.TypeToString[tt.qtype], zone, got, soa, tt.want, tt.soa)
			}
		}
	}
}

// TestRewrittenTarget has the rewrite plugin look up another target than an alias has, which
// leads back to the alias: each asks the server again, and both count.
func TestRewrittenTarget(t *testing.T) {
	newCluster()
	address := startServer(t, theChain)
	alias("a", "b.cname.example")
	alias("b", "a.cname.example")
	lookups.Store(0)
	r := exchange(t, address, "a.default.svc.cluster.local.", dns.TypeA)
	if n := lookups.Load(); n > mostLookups || len(r.Answer) > 2*longestChain {
		t.Errorf("%d lookups and %d records: %v", n, len(r.Answer), r)
	}
}

// TestTooLong asks for a chain of aliases that is too long to be followed, and then for the last of
// them: what failed for the sake of the chain must not be in the cache as an answer for its
// parts, or whoever may create Services could have others' aliases fail.
func TestTooLong(t *testing.T) {
	newCluster()
	address := startServer(t, theChain)
	zones := []string{"default.svc.cluster.local.", "default.svc.other.local."}
	name := func(i int) string { return fmt.Sprintf("x%d.%s", i, zones[i%2]) }
	for i := range longestChain {
		alias(fmt.Sprint("x", i), name(i+1))
	}
	alias(fmt.Sprint("x", longestChain), "www.example")
	r := exchange(t, address, name(0), dns.TypeA)
	if r.Rcode != dns.RcodeServerFailure || len(r.Answer) != longestChain {
		t.Errorf("%d aliases: %s, want the first %d and SERVFAIL", longestChain+1, way(r), longestChain)
	}
	for i := longestChain; i > 0; i-- {
		r := exchange(t, address, name(i), dns.TypeA)
		if r.Rcode != dns.RcodeSuccess || len(r.Answer) != longestChain-i+2 {
			t.Errorf("%d aliases: %s, want all and the address", longestChain-i+1, way(r))
		}
	}
}
