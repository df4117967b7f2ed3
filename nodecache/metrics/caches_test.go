package metrics

import (
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/nodecache/cache"
)

func watching(st *cache.Stats) func() cache.Stats { return func() cache.Stats { return *st } }

// TestWatchCaches shows where the counts of caches are reported. They never go back when a reload keeps
// the cache, brings a new one, takes it away, or brings the first one back.
func TestWatchCaches(t *testing.T) {
	const other = "dns://10.96.0.10:53"
	s, old, young := New(1), &cache.Stats{}, &cache.Stats{}
	watch := func(list ...*cache.Stats) {
		var w []CacheWatch
		for _, st := range list {
			w = append(w, CacheWatch{[]string{here, other}, ".", watching(st)})
		}
		s.WatchCaches(w)
	}
	const l = `{server="` + here + `",type="denial",view="",zones="."}`
	evictions := func(want float64) {
		t.Helper()
		wants(t, s, map[string]float64{"coredns_cache_evictions_total" + l: want})
	}
	watch(old)
	old.Denial = cache.Counts{Entries: 5, Evictions: 10}
	old.Failure = cache.Counts{Entries: 2, Evictions: 1}
	old.Success = cache.Counts{Entries: 7, Evictions: 3}
	wants(t, s, map[string]float64{
		`coredns_cache_entries` + l: 7,
		`coredns_cache_entries{server="` + other + `",type="success",view="",zones="."}`:        7,
		`coredns_cache_evictions_total` + l:                                                     11,
		`coredns_cache_evictions_total{server="` + here + `",type="success",view="",zones="."}`: 3,
	})
	watch(old)
	old.Denial.Evictions = 15
	evictions(16)
	old.Denial.Evictions = 20
	watch(young)
	evictions(21)
	young.Denial.Evictions = 100
	evictions(121)
	watch()
	evictions(121)
	watch(old, young) // two blocks with a cache of the same zone
	old.Denial.Evictions++
	young.Denial.Evictions++
	evictions(123)
	wants(t, s, map[string]float64{`coredns_cache_entries` + l: 7})
}

// TestCacheAnswers shows how answers of the cache are counted.
func TestCacheAnswers(t *testing.T) {
	s := New(1)
	z := s.Queries.Zone(here, ".", ".")
	for source, n := range map[tally.Source]int{
		tally.Success: 1, tally.Denial: 2, tally.Cut: 4, tally.Failure: 8, tally.Forwarded: 16, tally.Failed: 32,
		tally.Uncached: 64, tally.Hosts: 128, tally.Server: 256,
	} {
		for range n {
			z.Observe(&tally.Sample{Source: source})
		}
	}
	z.Observe(&tally.Sample{Source: tally.Success, Stale: true})
	z.Observe(&tally.Sample{Source: tally.Success, Prefetch: true})
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
	s.Queries.Zone(here, "c.", "").Observe(&tally.Sample{Source: tally.Uncached})
	if text := scrape(t, s); strings.Contains(text, `zones=""`) {
		t.Error("a cache for a zone that has none")
	}
}
