package count

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// answerer is a plugin that answers each query: NXDOMAIN if the name says "none".
type answerer struct{}

func (answerer) Name() string { return "kubernetes" }

func (answerer) ServeDNS(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	return 0, w.WriteMsg(answer(r))
}

func answer(r *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(r)
	name := r.Question[0].Name
	if strings.HasPrefix(name, "none.") {
		m.Rcode = dns.RcodeNameError
		return m
	}
	for i := range 40 { // more than fit into 512 bytes
		m.Answer = append(m.Answer, &dns.SRV{
			Hdr:    dns.RR_Header{Name: name, Rrtype: dns.TypeSRV, Class: dns.ClassINET, Ttl: 5},
			Target: "host-" + strconv.Itoa(i) + "." + name,
		})
	}
	return m
}

// block is the server block of the last zone that CoreDNS set up.
var block *dnsserver.Config

func init() {
	plugin.Register("kubernetes", func(c *caddy.Controller) error {
		block = dnsserver.GetConfig(c)
		block.AddPlugin(func(plugin.Handler) plugin.Handler { return answerer{} })
		return nil
	})
}

// serve starts CoreDNS and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	at, exporter := testkit.FreeAddr(t), testkit.FreeAddr(t) // the plugin opens each address once in a process
	dnsserver.Quiet = true
	instance, err := caddy.Start(caddy.CaddyfileInput{
		Filepath: "Corefile", ServerTypeName: "dns",
		Contents: fmt.Appendf(nil, "cluster.example:%[1]d example:%[1]d {\n bind 127.0.0.1\n prometheus %[2]s\n errors\n kubernetes\n}\n", at.Port(), exporter),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range instance.ShutdownCallbacks() {
			t.Error(err)
		}
		if err := instance.Stop(); err != nil {
			t.Error(err)
		}
	})
	return at.String()
}

// scrape returns the series that CoreDNS's prometheus plugin serves, and their values.
func scrape(t *testing.T) map[string]float64 {
	t.Helper()
	r, err := http.Get("http://" + metrics.ListenAddr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r.StatusCode, err, string(text))
	}
	series := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			t.Fatal(err)
		}
		series[line[:i]] = v
	}
	return series
}

// both are the series of a server that CoreDNS and the lane count in, without how long their queries
// took.
func both(series map[string]float64, at string) map[string]float64 {
	few := maps.Clone(series)
	maps.DeleteFunc(few, func(name string, _ float64) bool {
		family, _, _ := strings.Cut(name, "{")
		if strings.HasPrefix(family, "coredns_dns_request_duration_seconds") && family != "coredns_dns_request_duration_seconds_count" {
			return true
		}
		return !strings.HasPrefix(family, "coredns_dns_") || !strings.Contains(name, at)
	})
	return few
}

// question is a query that CoreDNS is asked, and how.
type question struct {
	name string
	typ  uint16
	tcp  bool
	edns bool
	do   bool
}

func (q *question) message() *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.typ)
	if q.edns {
		m.SetEdns0(1232, q.do)
	}
	return m
}

func questions() []question {
	return []question{
		{"a.cluster.example.", dns.TypeSRV, false, false, false},
		{"b.cluster.example.", dns.TypeSRV, false, true, false},
		{"C.Cluster.Example.", dns.TypeAAAA, true, true, true},
		{"cluster.example.", dns.TypeHINFO, true, false, false},
		{"none.cluster.example.", dns.TypeA, false, true, true},
		{"none.example.", dns.TypePTR, false, false, false},
	}
}

// TestSeries has CoreDNS count some queries, and then counts the same ones as the lane does. All
// series double, and no others appear.
func TestSeries(t *testing.T) {
	at := serve(t)
	for _, q := range questions() {
		client := dns.Client{Net: map[bool]string{false: "udp", true: "tcp"}[q.tcp]}
		if _, _, err := client.Exchange(q.message(), at); err != nil {
			t.Fatal(err)
		}
	}
	before := scrape(t)
	testkit.Eventually(t, "CoreDNS counts a query after it has answered it", func() bool {
		before = scrape(t)
		return total(before, at) == len(questions())
	})
	counts, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if now := both(scrape(t), at); !maps.Equal(now, both(before, at)) {
		t.Errorf("%d series change when the lane opens", len(now))
	}
	observe(counts, at)
	after := scrape(t)
	for name, n := range both(before, at) {
		if after[name] != 2*n {
			t.Errorf("%s is %v, before %v", name, after[name], n)
		}
	}
	for name := range both(after, at) {
		if _, found := before[name]; !found {
			t.Errorf("%s is new", name)
		}
	}
	const took = `coredns_dns_request_duration_seconds_bucket{server="dns://%s",view="",zone="cluster.example.",le="8.192"}`
	if name := fmt.Sprintf(took, at); after[name] != 10 {
		t.Errorf("%s is %v, expected 10", name, after[name])
	}
}

// total returns how many responses of a server series have. They are what CoreDNS counts last.
func total(series map[string]float64, at string) (n int) {
	for name, v := range series {
		if strings.HasPrefix(name, "coredns_dns_responses_total{") && strings.Contains(name, at) {
			n += int(v)
		}
	}
	return n
}

// observe counts questions as a lane that answers them.
func observe(c *Counts, at string) {
	for i, q := range questions() {
		zone := "cluster.example."
		if !strings.Contains(strings.ToLower(q.name), zone) {
			zone = "example."
		}
		m, r := q.message(), answer(q.message())
		c.Zone("dns://"+at, block, zone).Observe(&tally.Sample{
			Writer: i, TCP: q.tcp, DO: q.do, Type: wire.Type(q.typ), Rcode: wire.Rcode(r.Rcode),
			QuerySize: m.Len(), ReplySize: r.Len(), Took: time.Microsecond,
		})
	}
}

// TestWithoutPrometheus shows that nobody counts for a block that has no prometheus plugin.
func TestWithoutPrometheus(t *testing.T) {
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if c.Zone("dns://:53", &dnsserver.Config{}, ".") != nil {
		t.Error("somebody counts")
	}
}

// TestOutcomes shows the series of outcomes, and that readers have numbers of their own.
func TestOutcomes(t *testing.T) {
	serve(t)
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	first, second := c.Readers(3), c.Readers(2)
	if second != first+3 {
		t.Errorf("readers begin with %d and %d", first, second)
	}
	before := scrape(t)
	for o := range outcomes {
		for range o + 1 {
			c.Outcome(first+o, Outcome(o))
		}
	}
	after := scrape(t)
	for o, name := range outcomes {
		name = `coredns_kubernetes_express_total{outcome="` + name + `"}`
		if n, found := before[name]; !found || after[name] != n+float64(o+1) {
			t.Errorf("%s is %v, before %v", name, after[name], n)
		}
	}
	if n := len(outcomes); n != int(Different)+1 {
		t.Errorf("%d outcomes have a name", n)
	}
}

// TestConcurrent counts on both sides while Prometheus scrapes.
func TestConcurrent(t *testing.T) {
	at := serve(t)
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 50
	var counting sync.WaitGroup
	counting.Go(func() {
		for range rounds {
			observe(c, at)
		}
	})
	counting.Go(func() {
		for range rounds {
			q := question{name: "none.example.", typ: dns.TypePTR}
			if _, err := dns.Exchange(q.message(), at); err != nil {
				t.Error(err)
			}
		}
	})
	for range 5 {
		scrape(t)
	}
	counting.Wait()
	testkit.Eventually(t, "all are counted", func() bool {
		return total(scrape(t), at) == rounds*(1+len(questions()))
	})
}
