package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/nodecache/cache"
)

// CacheWatch is the cache of a server block, and how it is read. Servers are the labels of the block's
// servers. Zones is the label of the cache: its zones, joined by commas. A cache counts evictions for
// all its servers together; they are reported under the first one.
type CacheWatch struct {
	Servers []string
	Zones   string
	Stats   func() cache.Stats
}

// caches tells what CoreDNS counts of caches (plugin/cache/metrics.go). Hits and misses come from the
// counts of queries, entries and evictions from the caches themselves.
type caches struct {
	queries *tally.Set

	mu        sync.Mutex
	watched   []CacheWatch
	evictions map[tally.Cache]*cacheEvictions

	entries, requests, hits, misses, drops family
	prefetches, stale, evicted             family
	staleAnswers, cuts, failures           family
}

type family = tally.Family

// The kinds of answers that a cache keeps. CoreDNS counts a failure as a denial.
const (
	success = iota
	denial
	cacheTypes
)

// cacheTypeLabel returns the value of the label `type`.
func cacheTypeLabel(i int) string { return [...]string{"success", "denial"}[i] }

// cacheEvictions counts for all caches that ever had the same labels.
type cacheEvictions [cacheTypes]rising

func newCaches(queries *tally.Set) *caches {
	const sub = "cache"
	counter := prometheus.CounterValue
	return &caches{
		queries:   queries,
		evictions: make(map[tally.Cache]*cacheEvictions),
		entries: tally.NewFamily(prometheus.GaugeValue, stock, sub, "entries",
			"The number of elements in the cache.", "server", "type", "zones", "view"),
		requests: tally.NewFamily(counter, stock, sub, "requests_total",
			"The count of cache requests.", "server", "zones", "view"),
		hits: tally.NewFamily(counter, stock, sub, "hits_total",
			"The count of cache hits.", "server", "type", "zones", "view"),
		misses: tally.NewFamily(counter, stock, sub, "misses_total",
			"The count of cache misses. Deprecated, derive misses from cache hits/requests counters.", "server", "zones", "view"),
		drops: tally.NewFamily(counter, stock, sub, "drops_total",
			"The number responses that are not cached, because the reply is malformed.", "server", "zones", "view"),
		evicted: tally.NewFamily(counter, stock, sub, "evictions_total",
			"The count of cache evictions.", "server", "type", "zones", "view"),
		prefetches: tally.NewFamily(counter, stock, sub, "prefetch_total",
			"The number of times the cache has prefetched a cached item.", "server", "zones", "view"),
		stale: tally.NewFamily(counter, stock, sub, "served_stale_total",
			"The number of requests served from stale cache entries.", "server", "zones", "view"),
		staleAnswers: tally.NewFamily(counter, ours, "", "stale_answers_total",
			"Counter of stale answers: their TTL was over (RFC 8767)."),
		cuts: tally.NewFamily(counter, ours, "", "cut_answers_total",
			"Counter of answers made from the NXDOMAIN of a name above (RFC 8020)."),
		failures: tally.NewFamily(counter, ours, "", "failure_answers_total",
			"Counter of failures answered from the cache (RFC 9520)."),
	}
}

// replace sets the caches that are read; see Set.WatchCaches.
func (c *caches) replace(list []CacheWatch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, counts := c.read()
	c.follow(counts)
	c.watched = list
	_, counts = c.read()
	for labels, n := range counts {
		evictions := at(c.evictions, labels)
		for i := range evictions {
			evictions[i].resume(n.evictions[i])
		}
	}
}

// cacheCounts is what caches say of themselves.
type cacheCounts struct {
	entries   [cacheTypes]int
	evictions [cacheTypes]uint64
}

func (n *cacheCounts) add(st cache.Stats) {
	n.entries[success] += st.Success.Entries
	n.entries[denial] += st.Denial.Entries + st.Failure.Entries
	n.evictions[success] += st.Success.Evictions
	n.evictions[denial] += st.Denial.Evictions + st.Failure.Evictions
}

// read reads the watched caches. The map each has the counts of a cache under every one of its servers,
// and the map first under its first server only. Caches with the same labels are added up.
func (c *caches) read() (each, first map[tally.Cache]*cacheCounts) {
	each, first = make(map[tally.Cache]*cacheCounts), make(map[tally.Cache]*cacheCounts)
	for _, w := range c.watched {
		st := w.Stats()
		for i, server := range w.Servers {
			labels := tally.Cache{Server: tally.Label(server), Zones: tally.Label(w.Zones)}
			if i == 0 {
				at(first, labels).add(st)
			}
			at(each, labels).add(st)
		}
	}
	return each, first
}

// follow adds the evictions since the last time.
func (c *caches) follow(counts map[tally.Cache]*cacheCounts) {
	for labels, n := range counts {
		evictions := at(c.evictions, labels)
		for i := range evictions {
			evictions[i].follow(n.evictions[i])
		}
	}
}

// at returns the value of a key, which it makes if there is none.
func at[V any](m map[tally.Cache]*V, key tally.Cache) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

func (c *caches) Describe(ch chan<- *prometheus.Desc) {
	tally.Describe(ch, c.entries, c.requests, c.hits, c.misses, c.drops, c.evicted, c.prefetches, c.stale)
	tally.Describe(ch, c.staleAnswers, c.cuts, c.failures)
}

func (c *caches) Collect(ch chan<- prometheus.Metric) {
	var all tally.Totals
	for labels, t := range c.queries.ByCache() {
		all.Add(t)
		if labels.Zones != "" {
			c.collectAnswers(ch, labels, t)
		}
	}
	c.staleAnswers.Send(ch, float64(all.Stale()))
	c.cuts.Send(ch, float64(all.Answers(tally.Cut)))
	c.failures.Send(ch, float64(all.Answers(tally.Failure)))
	c.collectWatched(ch)
}

// collectAnswers tells what the queries say of a cache.
func (c *caches) collectAnswers(ch chan<- prometheus.Metric, l tally.Cache, t *tally.Totals) {
	hits := [cacheTypes]uint64{success: t.Answers(tally.Success), denial: t.Answers(tally.Denial, tally.Cut, tally.Failure)}
	for i, n := range hits {
		c.hits.SendCount(ch, n, l.Server, cacheTypeLabel(i), l.Zones, "")
	}
	misses := t.Answers(tally.Forwarded, tally.Failed)
	c.requests.SendCount(ch, hits[success]+hits[denial]+misses, l.Server, l.Zones, "")
	c.misses.SendCount(ch, misses, l.Server, l.Zones, "")
	c.prefetches.SendCount(ch, t.Prefetches(), l.Server, l.Zones, "")
	c.stale.SendCount(ch, t.Stale(), l.Server, l.Zones, "")
	c.drops.SendCount(ch, t.Drops(), l.Server, l.Zones, "")
}

// collectWatched tells what the caches say of themselves: the entries under all servers, as CoreDNS
// does, and evictions under the first.
func (c *caches) collectWatched(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	each, first := c.read()
	c.follow(first)
	for i := range cacheTypes {
		for l, n := range each {
			c.entries.Send(ch, float64(n.entries[i]), l.Server, cacheTypeLabel(i), l.Zones, "")
		}
		for l, evictions := range c.evictions {
			c.evicted.SendCount(ch, evictions[i].total, l.Server, cacheTypeLabel(i), l.Zones, "")
		}
	}
}
