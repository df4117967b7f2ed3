package express

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/differential/api"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestMetrics asks our CoreDNS and stock the same. The express lane's queries are in CoreDNS's own
// series, with the same labels and the same counts as stock's.
func TestMetrics(t *testing.T) {
	fake := testkit.Serve(t, testkit.Address(outsideIs, 60))
	text := strings.Replace(one(""), "snapshot RECORDS", "endpoint "+serveAPI(t, records(headless("ns", "many", 200))), 1)
	text = strings.Replace(text, ".:PORT", "cluster.local:PORT in-addr.arpa:PORT .:PORT", 1)
	s, stock := start(t, text, "", fake), newServer(t, "", fake)
	stock.Process = run.StockDNS(t, stock.addr, stock.fill.Replace(text))
	before := [2]run.Metrics{run.Scrape(t, s.metrics.String()), run.Scrape(t, stock.metrics.String())}
	lane := s.answered()
	var asked int
	for range 3 {
		for _, q := range metricsQuestions() {
			for _, network := range []string{"udp", "tcp"} {
				for _, to := range []*server{s, stock} {
					if _, err := exchange(network, to.addr, q.Copy()); err != nil {
						t.Fatal(err)
					}
				}
				asked++
			}
		}
	}
	ours := dnsSeries(s, before[0])
	theirs := dnsSeries(stock, before[1])
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		if ours[key] != theirs[key] {
			t.Errorf("%s: %v, stock %v", key, ours[key], theirs[key])
		}
		delete(ours, key)
	}
	for key, n := range ours {
		t.Errorf("%s: %v, and stock has no such series", key, n)
	}
	if n := s.answered() - lane; n < asked/3 || len(theirs) < 20 {
		t.Errorf("the lane answered %d of %d; %d series", n, asked, len(theirs))
	}
}

// serveAPI serves the objects of a snapshot as an API server does, and returns its URL.
func serveAPI(t *testing.T, snapshot string) (url string) {
	t.Helper()
	var all api.Objects
	for text := range strings.SplitSeq(snapshot, "---\n") {
		var kind metav1.TypeMeta
		decode(t, text, &kind)
		switch kind.Kind {
		case "Namespace":
			all.Namespaces = append(all.Namespaces, decode(t, text, new(corev1.Namespace)))
		case "Service":
			all.Services = append(all.Services, decode(t, text, new(corev1.Service)))
		case "EndpointSlice":
			all.Slices = append(all.Slices, decode(t, text, new(discoveryv1.EndpointSlice)))
		}
	}
	server, err := api.Start(&all)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.URL
}

func decode[T any](t *testing.T, text string, into *T) *T {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
	return into
}

// metricsQuestions are some of every kind that is counted apart.
func metricsQuestions() (all []*dns.Msg) {
	for _, name := range []string{
		"web-1.ns.svc.cluster.local.", "WEB-2.ns.svc.cluster.LOCAL.", "many.ns.svc.cluster.local.", "absent.ns.svc.cluster.local.",
		"www.example.org.ns.svc.cluster.local.", "1.1.96.10.in-addr.arpa.", "1.1.99.10.in-addr.arpa.", "host.example.org.",
		"10-244-0-1.many.ns.svc.cluster.local.", "_http._tcp.web-1.ns.svc.cluster.local.",
	} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeMX, dns.TypeHTTPS, 65280} {
			if strings.HasSuffix(name, "arpa.") && qtype != dns.TypePTR {
				continue // stock takes some of these for names that do not exist
			}
			for i, size := range []uint16{0, 512, 1232} {
				q := new(dns.Msg).SetQuestion(name, qtype)
				if size > 0 {
					q.SetEdns0(size, i == 2)
				}
				all = append(all, q)
			}
		}
	}
	return all
}

// dnsSeries returns what was added to the counts of the server's DNS series, without its port. How long
// answers took is not the same twice. Their sizes are not either: ours cuts them for UDP itself, and
// stock counts them before they are cut.
func dnsSeries(s *server, before run.Metrics) map[string]float64 {
	series := map[string]float64{}
	for key, n := range run.Scrape(s.t, s.metrics.String()) {
		name, _, _ := strings.Cut(key, "{")
		varies := strings.HasPrefix(name, "coredns_dns_request_duration_seconds") || strings.HasPrefix(name, "coredns_dns_response_size_bytes")
		if !strings.HasPrefix(name, "coredns_dns_") || varies && !strings.HasSuffix(name, "_count") || n == before[key] {
			continue
		}
		series[strings.ReplaceAll(key, fmt.Sprint(s.addr.Port()), "PORT")] = n - before[key]
	}
	return series
}
