package metrics

import "github.com/prometheus/client_golang/prometheus"

// cacheTypes returns the values of the label `type` of caches.
func cacheTypes() [2]string { return [...]string{"success", "denial"} }

func (c *caches) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, c.entries, c.requests, c.hits, c.misses, c.drops, c.evictions, c.prefetches, c.stale, c.staleAnswers)
}

func (c *caches) Collect(ch chan<- prometheus.Metric) {
	for key, t := range c.zones.byCache() {
		if key.zone != "" {
			c.collectLookups(ch, key, t)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	each, first := c.read()
	c.follow(first)
	c.collectEntries(ch, each)
	c.collectCounts(ch)
}

// collectLookups tells what was found.
func (c *caches) collectLookups(ch chan<- prometheus.Metric, key pair, t *totals) {
	hits, misses := [...]uint64{t.hits(), t.denials()}, t.misses()
	for i, typ := range cacheTypes() {
		c.hits.nonzero(ch, hits[i], key.server, typ, key.zone, "")
	}
	c.requests.nonzero(ch, hits[0]+hits[1]+misses, key.server, key.zone, "")
	c.misses.nonzero(ch, misses, key.server, key.zone, "")
	c.drops.nonzero(ch, t[dropAt], key.server, key.zone, "")
}

// collectEntries tells how many entries each cache has, under each server, as CoreDNS does.
func (c *caches) collectEntries(ch chan<- prometheus.Metric, each map[pair]*figures) {
	for key, f := range each {
		for i, typ := range cacheTypes() {
			c.entries.to(ch, float64(f.entries[i]), key.server, typ, key.zone, "")
		}
	}
}

func (c *caches) collectCounts(ch chan<- prometheus.Metric) {
	var stale uint64
	for key, n := range c.counts {
		for i, typ := range cacheTypes() {
			c.evictions.nonzero(ch, n.evictions[i].total, key.server, typ, key.zone, "")
		}
		c.prefetches.nonzero(ch, n.prefetches.total, key.server, key.zone, "")
		c.stale.nonzero(ch, n.stale.total, key.server, key.zone, "")
		stale += n.stale.total
	}
	c.staleAnswers.to(ch, float64(stale))
}
