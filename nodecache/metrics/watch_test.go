package metrics

import (
	"testing"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/nodecache/cache"
)

func watching(st *cache.Stats) func() cache.Stats { return func() cache.Stats { return *st } }

// TestWatchCaches shows where the figures of caches are told, and that reloads don't let them
// go back: with the cache that was there, with a new one, with none, and with the first again.
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

// TestWatchFront shows where the figures of sockets are told, over two fronts.
func TestWatchFront(t *testing.T) {
	s := New(1)
	udp := []listen.UDPStats{
		{Overflow: 1, Shed: 2, Unsent: 4, Waiting: 5},
		{Overflow: 10, Shed: 20, Unsent: 40, Waiting: 50},
	}
	tcp := listen.TCPStats{Accepted: 9, Open: 8, Evicted: 7, Expired: 6, Malformed: 5, Unsent: 4, Waiting: 3}
	first := false
	s.WatchFront(func() ([]listen.UDPStats, listen.TCPStats) {
		if !first {
			first = true
			return nil, listen.TCPStats{}
		}
		return udp, tcp
	})
	want := map[string]float64{
		`nodecache_dropped_queries_total{reason="overflow"}`:         11,
		`nodecache_dropped_queries_total{reason="shed"}`:             22,
		`nodecache_unsent_answers_total{proto="udp"}`:                44,
		`nodecache_unsent_answers_total{proto="tcp"}`:                4,
		`nodecache_waiting_queries{proto="udp"}`:                     55,
		`nodecache_waiting_queries{proto="tcp"}`:                     3,
		`nodecache_tcp_connections`:                                  8,
		`nodecache_tcp_connections_total`:                            9,
		`nodecache_tcp_connections_closed_total{reason="evicted"}`:   7,
		`nodecache_tcp_connections_closed_total{reason="expired"}`:   6,
		`nodecache_tcp_connections_closed_total{reason="malformed"}`: 5,
	}
	wants(t, s, want)
	udp[0].Shed++
	s.WatchFront(func() ([]listen.UDPStats, listen.TCPStats) { return nil, listen.TCPStats{} })
	want[`nodecache_dropped_queries_total{reason="shed"}`]++
	want[`nodecache_waiting_queries{proto="udp"}`], want[`nodecache_waiting_queries{proto="tcp"}`] = 0, 0
	want[`nodecache_tcp_connections`] = 0
	wants(t, s, want)
}

// TestRising shows that a counter which begins anew adds to what it was.
func TestRising(t *testing.T) {
	var r rising
	for _, c := range []struct{ count, want uint64 }{{5, 5}, {7, 7}, {7, 7}, {2, 9}, {3, 10}, {0, 10}, {1, 11}} {
		if r.follow(c.count); r.total != c.want {
			t.Errorf("at %d: %d, want %d", c.count, r.total, c.want)
		}
	}
}
