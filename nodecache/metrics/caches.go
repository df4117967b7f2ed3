package metrics

import (
	"sync"

	"github.com/neardns/neardns/nodecache/cache"
	"github.com/prometheus/client_golang/prometheus"
)

// CacheWatch is the cache of a server block. Servers are the block's, by their labels; Zones is
// the label of the cache: its zones, joined by commas. Evictions, of which the cache tells all in one,
// stand under the first server.
type CacheWatch struct {
	Servers []string
	Zones   string
	Stats   func() cache.Stats
}

// caches tells what zones counted of caches, and what caches themselves did
// (plugin/cache/metrics.go).
type caches struct {
	zones *zones

	mu      sync.Mutex
	watched []CacheWatch
	counts  map[pair]*cacheCounts

	entries, requests, hits, misses, drops family
	prefetches, stale, evictions           family
	staleAnswers, cuts, failures           family
}

// cacheCounts are what caches count, over all that had the same labels.
type cacheCounts struct{ evictions [2]rising }

func newCaches(z *zones) *caches {
	const sub = "cache"
	counter := prometheus.CounterValue
	return &caches{
		zones:  z,
		counts: make(map[pair]*cacheCounts),
		entries: newFamily(prometheus.GaugeValue, stock, sub, "entries",
			"The number of elements in the cache.", "server", "type", "zones", "view"),
		requests: newFamily(counter, stock, sub, "requests_total",
			"The count of cache requests.", "server", "zones", "view"),
		hits: newFamily(counter, stock, sub, "hits_total",
			"The count of cache hits.", "server", "type", "zones", "view"),
		misses: newFamily(counter, stock, sub, "misses_total",
			"The count of cache misses. Deprecated, derive misses from cache hits/requests counters.", "server", "zones", "view"),
		drops: newFamily(counter, stock, sub, "drops_total",
			"The number responses that are not cached, because the reply is malformed.", "server", "zones", "view"),
		evictions: newFamily(counter, stock, sub, "evictions_total",
			"The count of cache evictions.", "server", "type", "zones", "view"),
		prefetches: newFamily(counter, stock, sub, "prefetch_total",
			"The number of times the cache has prefetched a cached item.", "server", "zones", "view"),
		stale: newFamily(counter, stock, sub, "served_stale_total",
			"The number of requests served from stale cache entries.", "server", "zones", "view"),
		staleAnswers: newFamily(counter, ours, "", "stale_answers_total",
			"Counter of answers given from what had expired (RFC 8767)."),
		cuts: newFamily(counter, ours, "", "cut_answers_total",
			"Counter of answers made from the NXDOMAIN of a name above (RFC 8020)."),
		failures: newFamily(counter, ours, "", "failure_answers_total",
			"Counter of failures answered from the cache (RFC 9520)."),
	}
}

// WatchCaches makes list the caches that are told of. Those watched before are counted to their
// end; those of list count from now on, or go on if they were watched before.
func (s *Set) WatchCaches(list []CacheWatch) {
	c := s.caches
	c.mu.Lock()
	defer c.mu.Unlock()
	_, counts := c.read()
	c.follow(counts)
	c.watched = list
	_, counts = c.read()
	for key, f := range counts {
		at(c.counts, key).resume(f)
	}
}

// figures are a cache's, of successes and of denials. CoreDNS keeps failures among denials.
type figures struct {
	entries   [2]int
	evictions [2]uint64
}

func (f *figures) add(st cache.Stats) {
	f.entries[0] += st.Success.Entries
	f.entries[1] += st.Denial.Entries + st.Failure.Entries
	f.evictions[0] += st.Success.Evictions
	f.evictions[1] += st.Denial.Evictions + st.Failure.Evictions
}

// read returns the figures of the caches that are watched, under each of their servers and
// under the first. Caches that have the same labels are added up.
func (c *caches) read() (each, first map[pair]*figures) {
	each, first = make(map[pair]*figures), make(map[pair]*figures)
	for _, w := range c.watched {
		st := w.Stats()
		for i, server := range w.Servers {
			key := pair{valid(server), valid(w.Zones)}
			if i == 0 {
				at(first, key).add(st)
			}
			at(each, key).add(st)
		}
	}
	return each, first
}

// follow counts on.
func (c *caches) follow(counts map[pair]*figures) {
	for key, f := range counts {
		at(c.counts, key).follow(f)
	}
}

func (n *cacheCounts) follow(f *figures) {
	for i, evictions := range f.evictions {
		n.evictions[i].follow(evictions)
	}
}

func (n *cacheCounts) resume(f *figures) {
	for i, evictions := range f.evictions {
		n.evictions[i].resume(evictions)
	}
}
