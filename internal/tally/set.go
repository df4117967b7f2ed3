package tally

import (
	"cmp"
	"math/bits"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Set is all zones that were ever counted. It collects what CoreDNS counts of queries
// (plugin/metrics/vars/vars.go). Its methods are safe for concurrent use.
type Set struct {
	writers int
	mu      sync.Mutex
	zones   map[labels]*Zone

	requests, do, responses        Family
	duration, querySize, replySize Family
}

// labels identify a Zone.
type labels struct{ server, zone, caches, plugin string }

// New returns a Set for writers, which have numbers from 0 to writers-1.
func New(writers int) *Set {
	const namespace, sub = "coredns", "dns"
	counter, histogram := prometheus.CounterValue, prometheus.UntypedValue
	return &Set{
		writers: powerOfTwo(writers),
		zones:   make(map[labels]*Zone),

		requests: NewFamily(counter, namespace, sub, "requests_total",
			"Counter of DNS requests made per zone, protocol and family.", "server", "zone", "view", "proto", "family", "type"),
		do: NewFamily(counter, namespace, sub, "do_requests_total",
			"Counter of DNS requests with DO bit set per zone.", "server", "zone", "view"),
		responses: NewFamily(counter, namespace, sub, "responses_total",
			"Counter of response status codes.", "server", "zone", "view", "rcode", "plugin"),
		duration: NewFamily(histogram, namespace, sub, "request_duration_seconds",
			"Histogram of the time (in seconds) each request took per zone.", "server", "zone", "view"),
		querySize: NewFamily(histogram, namespace, sub, "request_size_bytes",
			"Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.", "server", "zone", "view", "proto"),
		replySize: NewFamily(histogram, namespace, sub, "response_size_bytes",
			"Size of the returned response in bytes.", "server", "zone", "view", "proto"),
	}
}

// powerOfTwo returns the lowest power of two that is not below n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }

// Zone returns the counters of zone at server, the same ones each time. Server is a ServerLabel.
// Zone ends in a dot or is Dropped. Caches is the label `zones` of the zone's cache: the zones that
// it is for, joined by commas. It is empty for a zone without a cache.
func (s *Set) Zone(server, zone, caches string) *Zone {
	return s.zone(labels{server: Label(server), zone: Label(zone), caches: Label(caches)})
}

// ZoneOf is Zone for a server that answers all queries through the same plugins. The label `plugin`
// of its answers is plugin, whatever Sample.Source says. The zone has no cache.
func (s *Set) ZoneOf(server, zone, plugin string) *Zone {
	return s.zone(labels{server: Label(server), zone: Label(zone), plugin: Label(plugin)})
}

func (s *Set) zone(l labels) *Zone {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[l]
	if z == nil {
		z = newZone(s.writers)
		s.zones[l] = z
	}
	return z
}

// Cache are the labels of a cache; see Zone.
type Cache struct{ Server, Zones string }

// ByCache returns what was counted for each cache. Zones without a cache are added up as the cache
// whose Zones is empty.
func (s *Set) ByCache() map[Cache]*Totals {
	return sum(s, func(l labels) Cache { return Cache{l.server, l.caches} })
}

// zoneLabels are the labels that the zones of a family have.
type zoneLabels struct{ server, zone string }

// byZone returns what was counted for each zone, whichever caches and plugin it had.
func (s *Set) byZone() map[zoneLabels]*Totals {
	return sum(s, func(l labels) zoneLabels { return zoneLabels{l.server, l.zone} })
}

// byPlugin returns what was counted for each zone and each plugin that ZoneOf was given.
func (s *Set) byPlugin() map[labels]*Totals {
	return sum(s, func(l labels) labels { l.caches = ""; return l })
}

// sum adds up the zones that have the same key.
func sum[K comparable](s *Set, key func(labels) K) map[K]*Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := make(map[K]*Totals)
	for l, zone := range s.zones {
		k := key(l)
		if sums[k] == nil {
			sums[k] = new(Totals)
		}
		zone.addTo(sums[k])
	}
	return sums
}

// Describe implements prometheus.Collector.
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	Describe(ch, s.requests, s.do, s.responses, s.duration, s.querySize, s.replySize)
}

// Collect implements prometheus.Collector.
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	for l, t := range s.byZone() {
		s.do.SendCount(ch, t[doAt], l.server, l.zone, "")
		s.duration.sendHistogram(ch, t, durationAt, DurationBounds(), float64(time.Second), l.server, l.zone, "")
		s.collectRequests(ch, l, t)
		for _, tcp := range []bool{false, true} {
			s.querySize.sendHistogram(ch, t, sizesAt(querySizeAt, tcp), sizeBounds(), 1, l.server, l.zone, "", protoLabel(tcp))
			s.replySize.sendHistogram(ch, t, sizesAt(replySizeAt, tcp), sizeBounds(), 1, l.server, l.zone, "", protoLabel(tcp))
		}
	}
	s.collectResponses(ch)
}

func (s *Set) collectRequests(ch chan<- prometheus.Metric, l zoneLabels, t *Totals) {
	for _, tcp := range []bool{false, true} {
		for _, ipv6 := range []bool{false, true} {
			for i := range types {
				s.requests.SendCount(ch, t[requestAt(tcp, ipv6, i)],
					l.server, l.zone, "", protoLabel(tcp), familyLabel(ipv6), typeLabel(i))
			}
		}
	}
}

// collectResponses adds up the sources that have the same label `plugin`.
func (s *Set) collectResponses(ch chan<- prometheus.Metric) {
	for l, t := range s.byPlugin() {
		for rcode := range rcodes {
			plugins := make(map[string]uint64)
			for source := range sources {
				plugins[cmp.Or(l.plugin, source.Plugin())] += t[responseAt(source, rcode)]
			}
			for plugin, n := range plugins {
				s.responses.SendCount(ch, n, l.server, l.zone, "", rcodeLabel(rcode), plugin)
			}
		}
	}
}
