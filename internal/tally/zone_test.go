package tally

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/neardns/neardns/internal/wire"
)

const here = "dns://169.254.20.10:53"

// scrape returns the series of a Set and their values, as Prometheus reads them.
func scrape(t *testing.T, s *Set) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(s)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	series := map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
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

// wants checks values of series.
func wants(t *testing.T, s *Set, want map[string]float64) {
	t.Helper()
	got := scrape(t, s)
	for series, v := range want {
		if g, ok := got[series]; !ok || g != v {
			t.Errorf("%s is %v (there: %v), want %v", series, g, ok, v)
		}
	}
}

// TestObserve shows where each part of a Sample is reported.
func TestObserve(t *testing.T) {
	s := New(4)
	s.Zone(here, "cluster.local.", "cluster.local.").Observe(&Sample{
		Writer: 1, TCP: true, IPv6: true, DO: true, Source: Forwarded, Type: wire.SRV, Rcode: wire.NoError,
		QuerySize: 101, ReplySize: 70000, Took: 300 * time.Microsecond,
	})
	const l = `server="dns://169.254.20.10:53",view="",zone="cluster.local."`
	wants(t, s, map[string]float64{
		`coredns_dns_requests_total{family="2",proto="tcp",server="dns://169.254.20.10:53",type="SRV",view="",zone="cluster.local."}`: 1,
		`coredns_dns_do_requests_total{` + l + `}`:                                 1,
		`coredns_dns_responses_total{plugin="forward",rcode="NOERROR",` + l + `}`:  1,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="0.00025"}`:      0,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="0.0005"}`:       1,
		`coredns_dns_request_duration_seconds_sum{` + l + `}`:                      0.0003,
		`coredns_dns_request_size_bytes_bucket{proto="tcp",` + l + `,le="100"}`:    0,
		`coredns_dns_request_size_bytes_bucket{proto="tcp",` + l + `,le="200"}`:    1,
		`coredns_dns_request_size_bytes_sum{proto="tcp",` + l + `}`:                101,
		`coredns_dns_response_size_bytes_bucket{proto="tcp",` + l + `,le="64000"}`: 0,
		`coredns_dns_response_size_bytes_bucket{proto="tcp",` + l + `,le="+Inf"}`:  1,
		`coredns_dns_response_size_bytes_sum{proto="tcp",` + l + `}`:               70000,
	})
}

// TestPlugins shows the label `plugin` of each source.
func TestPlugins(t *testing.T) {
	s := New(1)
	for source := range sources {
		s.Zone(here, ".", ".").Observe(&Sample{Source: source})
	}
	const series = `coredns_dns_responses_total{plugin="%",rcode="NOERROR",server="` + here + `",view="",zone="."}`
	want := map[string]float64{}
	for plugin, n := range map[string]float64{"": 2, "cache": 4, "forward": 2, "hosts": 1, "template": 1} {
		want[strings.Replace(series, "%", plugin, 1)] = n
	}
	wants(t, s, want)
}

// TestZones shows that a reload finds the counters it left, and that zones which differ in
// their cache alone are one zone.
func TestZones(t *testing.T) {
	s := New(2)
	s.Zone(here, "a.", "a.").Observe(&Sample{Source: Success})
	s.Zone(here, "a.", "a.").Observe(&Sample{Source: Success, Stale: true})
	s.Zone(here, "a.", "a.,b.").Observe(&Sample{Source: Success, Prefetch: true})
	s.Zone(here, "b.", "a.,b.").Observe(&Sample{Source: Success})
	s.Zone(here, "c.", "").Observe(&Sample{Source: Uncached})
	s.Zone(here, Dropped, "").Observe(&Sample{Rcode: wire.Refused})
	s.Zone(here, "bad\xff.", "bad\xff.").Drop(7)
	const l = `server="dns://169.254.20.10:53",view="",`
	wants(t, s, map[string]float64{
		`coredns_dns_responses_total{plugin="cache",rcode="NOERROR",` + l + `zone="a."}`:   3,
		`coredns_dns_responses_total{plugin="cache",rcode="NOERROR",` + l + `zone="b."}`:   1,
		`coredns_dns_responses_total{plugin="forward",rcode="NOERROR",` + l + `zone="c."}`: 1,
		`coredns_dns_responses_total{plugin="",rcode="REFUSED",` + l + `zone="dropped"}`:   1,
	})
	type figures struct{ hits, uncached, stale, prefetches, drops uint64 }
	for zones, want := range map[string]figures{"a.": {hits: 2, stale: 1}, "a.,b.": {hits: 2, prefetches: 1}, "bad\uFFFD.": {drops: 1}, "": {uncached: 1}} {
		c := s.ByCache()[Cache{here, zones}]
		if got := (figures{c.Answers(Success), c.Answers(Uncached), c.Stale(), c.Prefetches(), c.Drops()}); got != want {
			t.Errorf("cache %q: %+v, want %+v", zones, got, want)
		}
	}
}

// TestOddSamples shows that no Sample is too odd to be counted.
func TestOddSamples(t *testing.T) {
	s := New(3)
	for _, writer := range []int{-1, 0, 2, 3, 1 << 40} {
		s.Zone(here, ".", "").Observe(&Sample{Writer: writer, Rcode: 65535, Type: 65535, QuerySize: -500, ReplySize: 1 << 40, Took: -time.Hour})
		s.Zone(here, ".", "").Observe(&Sample{Writer: writer, Took: 1<<63 - 1})
	}
	const l = `server="dns://169.254.20.10:53",view="",zone="."`
	wants(t, s, map[string]float64{
		`coredns_dns_responses_total{plugin="",rcode="other",` + l + `}`:      5,
		`coredns_dns_request_size_bytes_sum{proto="udp",` + l + `}`:           0,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="0.00025"}`: 5,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="8.192"}`:   5,
		`coredns_dns_request_duration_seconds_count{` + l + `}`:               10,
	})
}

// TestConcurrent shows that nothing is lost between writers, even those that share cells, and that
// scrapes do no harm.
func TestConcurrent(t *testing.T) {
	const writers, each = 6, 2000
	s := New(writers / 2)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range each {
				s.Zone(here, ".", ".").Observe(&Sample{Writer: i, Source: Success})
			}
		})
	}
	for range 5 {
		scrape(t, s)
	}
	wg.Wait()
	if n := s.ByCache()[Cache{here, "."}].Answers(Success); n != writers*each {
		t.Errorf("%d hits", n)
	}
}

func hit() *Sample {
	return &Sample{Source: Success, Type: wire.A, QuerySize: 59, ReplySize: 75, Took: 3 * time.Microsecond}
}

func TestAllocations(t *testing.T) {
	z, sample := New(2).Zone(here, ".", "."), hit()
	z.Observe(sample)
	if n := testing.AllocsPerRun(1000, func() { z.Observe(sample) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	z, sample := New(2).Zone(here, ".", "."), hit()
	for b.Loop() {
		z.Observe(sample)
	}
}

// BenchmarkObserveParallel has as many writers as goroutines.
func BenchmarkObserveParallel(b *testing.B) {
	var mu sync.Mutex
	writers, z := 0, New(16).Zone(here, ".", ".")
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		sample := hit()
		sample.Writer = writers
		writers++
		mu.Unlock()
		for pb.Next() {
			z.Observe(sample)
		}
	})
}

// TestZoneOf shows zones whose answers have a label `plugin` of their own. Whatever else a zone is
// distinguished by, its requests are one series.
func TestZoneOf(t *testing.T) {
	s := New(1)
	s.ZoneOf(here, ".", "errors").Observe(&Sample{Source: Server})
	s.ZoneOf(here, ".", "errors").Observe(&Sample{Source: Success})
	s.ZoneOf(here, ".", "log").Observe(&Sample{Source: Server})
	s.Zone(here, ".", "").Observe(&Sample{Source: Server})
	const l = `server="` + here + `",view="",zone="."}`
	wants(t, s, map[string]float64{
		`coredns_dns_responses_total{plugin="errors",rcode="NOERROR",` + l:                                       2,
		`coredns_dns_responses_total{plugin="log",rcode="NOERROR",` + l:                                          1,
		`coredns_dns_responses_total{plugin="",rcode="NOERROR",` + l:                                             1,
		`coredns_dns_requests_total{family="1",proto="udp",server="` + here + `",type="other",view="",zone="."}`: 4,
	})
}
