package metrics

import "github.com/prometheus/client_golang/prometheus"

// cacheTypes returns the values of the label `type` of caches.
func cacheTypes() [2]string { return [...]string{"success", "denial"} }

func (c *caches) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, c.entries, c.requests, c.hits, c.misses, c.drops, c.evictions, c.prefetches, c.stale)
	describe(ch, c.staleAnswers, c.cuts, c.failures)
}

func (c *caches) Collect(ch chan<- prometheus.Metric) {
	var all totals
	for key, t := range c.zones.byCache() {
		all.sum(t)
		if key.zone != "" {
			c.collectAnswers(ch, key, t)
		}
	}
	c.staleAnswers.to(ch, float64(all[staleAt]))
	c.cuts.to(ch, float64(all.answers(Cut)))
	c.failures.to(ch, float64(all.answers(Failure)))
	c.collectWatched(ch)
}

// collectAnswers tells what zones counted.
func (c *caches) collectAnswers(ch chan<- prometheus.Metric, key pair, t *totals) {
	hits, misses := [...]uint64{t.hits(), t.denials()}, t.misses()
	for i, typ := range cacheTypes() {
		c.hits.nonzero(ch, hits[i], key.server, typ, key.zone, "")
	}
	c.requests.nonzero(ch, hits[0]+hits[1]+misses, key.server, key.zone, "")
	c.misses.nonzero(ch, misses, key.server, key.zone, "")
	c.prefetches.nonzero(ch, t[prefetchAt], key.server, key.zone, "")
	c.stale.nonzero(ch, t[staleAt], key.server, key.zone, "")
	c.drops.nonzero(ch, t[dropAt], key.server, key.zone, "")
}

// collectWatched tells what the caches themselves count: the entries of each under all its
// servers, as CoreDNS does, and evictions under the first.
func (c *caches) collectWatched(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	each, first := c.read()
	c.follow(first)
	for i, typ := range cacheTypes() {
		for key, f := range each {
			c.entries.to(ch, float64(f.entries[i]), key.server, typ, key.zone, "")
		}
		for key, n := range c.counts {
			c.evictions.nonzero(ch, n.evictions[i].total, key.server, typ, key.zone, "")
		}
	}
}
