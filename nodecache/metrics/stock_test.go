package metrics

import (
	"bufio"
	_ "embed"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/upstream"
)

// stockScrape is what CoreDNS 1.15.0 served at /metrics after the queries of replay. It had the
// node-local Corefile with other addresses.
//
//go:embed testdata/stock.txt
var stockScrape string

// nodeCacheScrape is what kubernetes/dns adds (cmd/node-cache/app/metrics.go).
const nodeCacheScrape = `
# HELP coredns_nodecache_setup_errors_total The number of errors during periodic network setup for node-cache
# TYPE coredns_nodecache_setup_errors_total counter
coredns_nodecache_setup_errors_total{errortype="configmap"} 0
coredns_nodecache_setup_errors_total{errortype="interface_add"} 0
coredns_nodecache_setup_errors_total{errortype="interface_check"} 0
coredns_nodecache_setup_errors_total{errortype="iptables"} 0
coredns_nodecache_setup_errors_total{errortype="iptables_lock"} 0
# TYPE promhttp_metric_handler_requests_total counter
# TYPE promhttp_metric_handler_requests_in_flight gauge
`

const (
	stock10 = "dns://127.0.0.10:15353"
	stock11 = "dns://127.0.0.11:15353"
	stock6  = "dns://[::1]:15353"
)

// replay is the queries that the stock scrape counted.
var replay = []struct {
	times        int
	server, zone string
	tally.Sample
}{
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Forwarded, Type: wire.A}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Success, Type: wire.A}},
	{1, stock11, "cluster.local.", tally.Sample{Source: tally.Success, Type: wire.A, TCP: true}},
	{1, stock6, "cluster.local.", tally.Sample{Source: tally.Success, Type: wire.A, IPv6: true}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Forwarded, Type: wire.A, Rcode: wire.NXDomain}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Denial, Type: wire.A, Rcode: wire.NXDomain}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Forwarded, Type: wire.A}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Denial, Type: wire.A}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Forwarded, Type: wire.A, Rcode: wire.ServFail}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Failure, Type: wire.A, Rcode: wire.ServFail}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Forwarded, Type: wire.A, Rcode: 9}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Forwarded, Type: wire.A, DO: true}},
	{1, stock10, "cluster.local.", tally.Sample{Source: tally.Forwarded, Type: wire.HINFO, Rcode: wire.NXDomain}}, // the plugin loop's
	{1, stock10, "in-addr.arpa.", tally.Sample{Source: tally.Forwarded, Type: wire.PTR, Rcode: wire.NXDomain}},
	{1, stock10, "in-addr.arpa.", tally.Sample{Source: tally.Forwarded, Type: wire.HINFO, Rcode: wire.NXDomain}},
	{1, stock10, "ip6.arpa.", tally.Sample{Source: tally.Forwarded, Type: wire.HINFO, Rcode: wire.NXDomain}},
	{1, stock10, ".", tally.Sample{Source: tally.Forwarded, Type: wire.A}},
	{1, stock10, ".", tally.Sample{Source: tally.Success, Type: wire.A}},
	{1, stock10, ".", tally.Sample{Source: tally.Forwarded, Type: wire.HTTPS, Rcode: wire.NXDomain}},
	{1, stock10, ".", tally.Sample{Source: tally.Forwarded, Type: 257, Rcode: wire.NXDomain}},
	{1, stock10, ".", tally.Sample{Source: tally.Forwarded, Type: wire.SRV, Rcode: wire.NXDomain}},
	{1, stock10, ".", tally.Sample{Source: tally.Forwarded, Type: wire.HINFO, Rcode: wire.NXDomain}},
	{1, stock10, ".", tally.Sample{Source: tally.Forwarded, Type: wire.TXT, Rcode: wire.Refused}},
	{8, stock11, ".", tally.Sample{Source: tally.Forwarded, Type: wire.A}},
	{1, stock10, "dead.test.", tally.Sample{Source: tally.Failed, Type: wire.A, Rcode: wire.ServFail}},
}

// blocks is the server blocks of the stock Corefile.
var blocks = []struct {
	zone, directives string
	servers          []string
}{
	{"cluster.local.", "errors cache reload loop bind forward prometheus health", []string{stock10, stock11, stock6}},
	{"in-addr.arpa.", "errors cache reload loop bind forward prometheus", []string{stock10, stock11}},
	{"ip6.arpa.", "errors cache reload loop bind forward prometheus", []string{stock10, stock11}},
	{".", "errors cache reload loop hosts template bind forward prometheus", []string{stock10, stock11}},
	{"dead.test.", "errors cache bind forward prometheus", []string{stock10}},
}

// likeStock returns a Set that has seen what the stock server had.
func likeStock() *Set {
	s := New(3)
	for i, r := range replay {
		r.Writer = i
		for range r.times {
			s.Queries.Zone(r.server, r.zone, r.zone).Observe(&r.Sample)
		}
	}
	var plugins []Plugin
	var caches []CacheWatch
	for _, b := range blocks {
		caches = append(caches, CacheWatch{b.servers, b.zone, func() cache.Stats { return cache.Stats{} }})
		for _, server := range b.servers {
			for directive := range strings.FieldsSeq(b.directives) {
				plugins = append(plugins, Plugin{server, b.zone, directive})
			}
		}
	}
	s.SetPlugins(plugins)
	s.WatchCaches(caches)
	s.Events.HostsRead("/etc/hosts", 8, time.Unix(1, 0))
	askLikeStock(s.Trace())
	return s
}

// askLikeStock asks upstreams as the stock server did.
func askLikeStock(t upstream.Trace) {
	up := upstream.Endpoint{Addr: netip.MustParseAddrPort("127.0.0.1:15400"), Proto: upstream.TCP}
	for _, overUDP := range []bool{false, true} {
		t.Asked(up, overUDP, false)
		t.Asked(up, overUDP, true)
	}
	for _, rcode := range []uint8{0, 2, 3, 5, 9} {
		t.Answered(up, rcode, time.Millisecond)
	}
	for _, dead := range []string{"127.0.0.1:15498", "127.0.0.1:15499"} {
		e := upstream.Endpoint{Addr: netip.MustParseAddrPort(dead)}
		t.Asked(e, true, false)
		t.CheckFailed(e)
	}
}

// scrape returns the metrics of a Set as Prometheus gets them.
func scrape(t *testing.T, s *Set) string {
	t.Helper()
	return get(t, s.Handler("1.2.3", "abcdef"))
}

func get(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

const here = "dns://169.254.20.10:53"

// wants checks values of series.
func wants(t *testing.T, s *Set, want map[string]float64) {
	t.Helper()
	got := parse(t, scrape(t, s))
	for series, v := range want {
		if g, ok := got.series[series]; !ok || g != v {
			t.Errorf("%s is %v (there: %v), want %v", series, g, ok, v)
		}
	}
}

// exposition is a scrape: the values of series by name and labels, and the HELP and TYPE of families.
type exposition struct {
	series   map[string]float64
	families map[string]string
}

func parse(t *testing.T, text string) exposition {
	t.Helper()
	e := exposition{make(map[string]float64), make(map[string]string)}
	for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); {
		line := in.Text()
		switch {
		case line == "":
		case line[0] == '#':
			f := strings.SplitN(line, " ", 4)
			e.families[f[1]+" "+f[2]] = f[3]
		default:
			i := strings.LastIndexByte(line, ' ')
			v, err := strconv.ParseFloat(line[i+1:], 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			e.series[same(line[:i])] += v
		}
	}
	return e
}

var (
	plugin  = regexp.MustCompile(`plugin="[a-z]*",`)
	version = regexp.MustCompile(`version="[^"]*"|revision="[^"]*"`)
)

// same removes from a series what differs on purpose: the plugin that answered (see
// tally.Source.Plugin) and the build.
func same(series string) string {
	return version.ReplaceAllString(plugin.ReplaceAllString(series, ""), "")
}

// TestStock shows that we have every series of stock, with the same type and help. The series that
// count queries have the same values, and histograms the same buckets.
func TestStock(t *testing.T) {
	want, got := parse(t, stockScrape+nodeCacheScrape), parse(t, scrape(t, likeStock()))
	if len(want.series) < 500 {
		t.Fatalf("%d series", len(want.series))
	}
	for family, text := range want.families {
		if got.families[family] != text {
			t.Errorf("%s: %q, want %q", family, got.families[family], text)
		}
	}
	for series, value := range want.series {
		v, ok := got.series[series]
		switch {
		case !ok:
			t.Errorf("no %s", series)
		case counted(series) && v != value:
			t.Errorf("%s is %v, want %v", series, v, value)
		}
	}
}

// counted reports whether the value of a series depends on nothing but the queries.
func counted(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	switch {
	case strings.HasPrefix(name, "coredns_dns_"):
		return strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count")
	case strings.HasPrefix(name, "coredns_cache_"):
		return strings.HasSuffix(name, "_total")
	}
	return name == "coredns_plugin_enabled"
}

// TestOnlyStock shows the reverse: no series of ours that counts queries is missing in stock.
func TestOnlyStock(t *testing.T) {
	want, got := parse(t, stockScrape), parse(t, scrape(t, likeStock()))
	for series := range got.series {
		if _, ok := want.series[series]; counted(series) && !ok {
			t.Errorf("%s is not stock's", series)
		}
	}
}
