package metrics

import "github.com/prometheus/client_golang/prometheus"

// Set is all metrics of the process. It lives as long; what a reload replaces is told to it.
// All methods are safe for concurrent use.
type Set struct {
	Own *Own

	zones     *zones
	caches    *caches
	plugins   *plugins
	front     *front
	upstreams *upstreams
	parts     []prometheus.Collector
}

// New returns a Set for that many loops, each with a number below shards.
func New(shards int) *Set {
	z := newZones(shards)
	s := &Set{
		Own:       newOwn(),
		zones:     z,
		caches:    newCaches(z),
		plugins:   newPlugins(),
		front:     newFront(),
		upstreams: newUpstreams(),
	}
	s.parts = []prometheus.Collector{newQueries(z), s.caches, s.plugins, s.front, s.upstreams, s.Own}
	return s
}

// Zone returns the counters of zone at server, the same ones each time. Server is as
// ServerLabel has it, zone ends in a dot or is Dropped, and caches are the zones of the zone's
// cache, joined by commas (see CacheWatch), or empty if it has none.
func (s *Set) Zone(server, zone, caches string) *Zone {
	return s.zones.zone(labels{valid(server), valid(zone), valid(caches)})
}

// Describe and Collect implement prometheus.Collector.
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	for _, p := range s.parts {
		p.Describe(ch)
	}
}

// Collect sends the values as of now.
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	for _, p := range s.parts {
		p.Collect(ch)
	}
}
