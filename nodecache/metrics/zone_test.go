package metrics

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

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

// TestObserve shows where each part of a Sample is told.
func TestObserve(t *testing.T) {
	s := New(4)
	s.Zone(here, "cluster.local.", "cluster.local.").Observe(&Sample{
		Shard: 1, TCP: true, IPv6: true, DO: true, Source: Forwarded, Type: wire.SRV, Rcode: wire.NoError,
		QuerySize: 101, ReplySize: 70000, Took: 300 * time.Microsecond,
	})
	const l = `server="dns://169.254.20.10:53",view="",zone="cluster.local."`
	wants(t, s, map[string]float64{
		`coredns_dns_requests_total{family="2",proto="tcp",server="dns://169.254.20.10:53",type="SRV",view="",zone="cluster.local."}`: 1,
		`coredns_dns_do_requests_total{` + l + `}`:                                                     1,
		`coredns_dns_responses_total{rcode="NOERROR",` + l + `}`:                                       1,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="0.00025"}`:                          0,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="0.0005"}`:                           1,
		`coredns_dns_request_duration_seconds_sum{` + l + `}`:                                          0.0003,
		`coredns_dns_request_size_bytes_bucket{proto="tcp",` + l + `,le="100"}`:                        0,
		`coredns_dns_request_size_bytes_bucket{proto="tcp",` + l + `,le="200"}`:                        1,
		`coredns_dns_request_size_bytes_sum{proto="tcp",` + l + `}`:                                    101,
		`coredns_dns_response_size_bytes_bucket{proto="tcp",` + l + `,le="64000"}`:                     0,
		`coredns_dns_response_size_bytes_bucket{proto="tcp",` + l + `,le="+Inf"}`:                      1,
		`coredns_dns_response_size_bytes_sum{proto="tcp",` + l + `}`:                                   70000,
		`coredns_cache_misses_total{server="dns://169.254.20.10:53",view="",zones="cluster.local."}`:   1,
		`coredns_cache_requests_total{server="dns://169.254.20.10:53",view="",zones="cluster.local."}`: 1,
	})
}

// TestPlugins shows the label that TestStock leaves out.
func TestPlugins(t *testing.T) {
	s := New(1)
	for source := range sources {
		s.Zone(here, ".", ".").Observe(&Sample{Source: source})
	}
	text := scrape(t, s)
	for plugin, n := range map[string]string{"": "2", "cache": "4", "forward": "2", "hosts": "1", "template": "1"} {
		line := `coredns_dns_responses_total{plugin="` + plugin + `",rcode="NOERROR",server="` + here + `",view="",zone="."} ` + n + "\n"
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// TestCacheAnswers shows what answers of the cache count as.
func TestCacheAnswers(t *testing.T) {
	s := New(1)
	z := s.Zone(here, ".", ".")
	for source, n := range map[Source]int{Success: 1, Denial: 2, Cut: 4, Failure: 8, Forwarded: 16, Failed: 32, Uncached: 64, Hosts: 128, Server: 256} {
		for range n {
			z.Observe(&Sample{Source: source})
		}
	}
	z.Observe(&Sample{Source: Success, Stale: true})
	z.Observe(&Sample{Source: Success, Prefetch: true})
	z.Drop(0)
	const l = `server="dns://169.254.20.10:53",view="",zones="."}`
	wants(t, s, map[string]float64{
		`coredns_cache_hits_total{server="dns://169.254.20.10:53",type="success",view="",zones="."}`: 3,
		`coredns_cache_hits_total{server="dns://169.254.20.10:53",type="denial",view="",zones="."}`:  14,
		`coredns_cache_misses_total{` + l:       48,
		`coredns_cache_requests_total{` + l:     65,
		`coredns_cache_served_stale_total{` + l: 1,
		`coredns_cache_prefetch_total{` + l:     1,
		`coredns_cache_drops_total{` + l:        1,
		`nodecache_stale_answers_total`:         1,
		`nodecache_cut_answers_total`:           4,
		`nodecache_failure_answers_total`:       8,
	})
}

// TestZones shows that a reload finds the counters it left, and that zones which differ in
// their cache alone are one zone.
func TestZones(t *testing.T) {
	s := New(2)
	s.Zone(here, "a.", "a.").Observe(&Sample{Source: Success})
	s.Zone(here, "a.", "a.").Observe(&Sample{Source: Success})
	s.Zone(here, "a.", "a.,b.").Observe(&Sample{Source: Success})
	s.Zone(here, "b.", "a.,b.").Observe(&Sample{Source: Success})
	s.Zone(here, "c.", "").Observe(&Sample{Source: Uncached})
	s.Zone(here, Dropped, "").Observe(&Sample{Rcode: wire.Refused})
	s.Zone(here, "bad\xff.", "bad\xff.").Drop(7)
	const l = `server="dns://169.254.20.10:53",view="",`
	wants(t, s, map[string]float64{
		`coredns_dns_responses_total{rcode="NOERROR",` + l + `zone="a."}`:                                3,
		`coredns_dns_responses_total{rcode="NOERROR",` + l + `zone="b."}`:                                1,
		`coredns_dns_responses_total{rcode="NOERROR",` + l + `zone="c."}`:                                1,
		`coredns_dns_responses_total{rcode="REFUSED",` + l + `zone="dropped"}`:                           1,
		`coredns_cache_hits_total{server="dns://169.254.20.10:53",type="success",view="",zones="a."}`:    2,
		`coredns_cache_hits_total{server="dns://169.254.20.10:53",type="success",view="",zones="a.,b."}`: 2,
		`coredns_cache_drops_total{` + l + `zones="bad` + "\uFFFD" + `."}`:                               1,
	})
	if text := scrape(t, s); strings.Contains(text, `zones=""`) {
		t.Error("a cache for a zone that has none")
	}
}

// TestOddSamples shows that no Sample is too odd to be counted.
func TestOddSamples(t *testing.T) {
	s := New(3)
	for _, shard := range []int{-1, 0, 2, 3, 1 << 40} {
		s.Zone(here, ".", "").Observe(&Sample{Shard: shard, Rcode: 65535, Type: 65535, QuerySize: -500, ReplySize: 1 << 40, Took: -time.Hour})
		s.Zone(here, ".", "").Observe(&Sample{Shard: shard, Took: 1<<63 - 1})
	}
	const l = `server="dns://169.254.20.10:53",view="",zone="."`
	wants(t, s, map[string]float64{
		`coredns_dns_responses_total{rcode="other",` + l + `}`:                5,
		`coredns_dns_request_size_bytes_sum{proto="udp",` + l + `}`:           0,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="0.00025"}`: 5,
		`coredns_dns_request_duration_seconds_bucket{` + l + `,le="8.192"}`:   5,
		`coredns_dns_request_duration_seconds_count{` + l + `}`:               10,
	})
}

// TestConcurrent shows that nothing is lost between loops, those that share a shard too, and
// that scrapes do no harm.
func TestConcurrent(t *testing.T) {
	const loops, each = 6, 2000
	s := New(loops / 2)
	h := s.Handler("", "")
	var wg sync.WaitGroup
	for i := range loops {
		wg.Go(func() {
			for range each {
				s.Zone(here, ".", ".").Observe(&Sample{Shard: i, Source: Success})
			}
		})
	}
	for range 5 {
		get(t, h)
	}
	wg.Wait()
	if got, want := parse(t, get(t, h)), `coredns_cache_hits_total{server="`+here+`",type="success",view="",zones="."}`; got.series[want] != loops*each {
		t.Errorf("%v hits", got.series[want])
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

// BenchmarkObserveParallel has a shard for each loop.
func BenchmarkObserveParallel(b *testing.B) {
	var mu sync.Mutex
	loops, z := 0, New(16).Zone(here, ".", ".")
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		sample := hit()
		sample.Shard = loops
		loops++
		mu.Unlock()
		for pb.Next() {
			z.Observe(sample)
		}
	})
}
