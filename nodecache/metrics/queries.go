package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// queries tells what zones counted (plugin/metrics/vars/vars.go).
type queries struct {
	zones                          *zones
	requests, do, responses        family
	duration, querySize, replySize family
}

func newQueries(z *zones) *queries {
	const sub = "dns"
	counter, histogram := prometheus.CounterValue, prometheus.UntypedValue
	return &queries{
		zones: z,
		requests: newFamily(counter, stock, sub, "requests_total",
			"Counter of DNS requests made per zone, protocol and family.", "server", "zone", "view", "proto", "family", "type"),
		do: newFamily(counter, stock, sub, "do_requests_total",
			"Counter of DNS requests with DO bit set per zone.", "server", "zone", "view"),
		responses: newFamily(counter, stock, sub, "responses_total",
			"Counter of response status codes.", "server", "zone", "view", "rcode", "plugin"),
		duration: newFamily(histogram, stock, sub, "request_duration_seconds",
			"Histogram of the time (in seconds) each request took per zone.", "server", "zone", "view"),
		querySize: newFamily(histogram, stock, sub, "request_size_bytes",
			"Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.", "server", "zone", "view", "proto"),
		replySize: newFamily(histogram, stock, sub, "response_size_bytes",
			"Size of the returned response in bytes.", "server", "zone", "view", "proto"),
	}
}

func (q *queries) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, q.requests, q.do, q.responses, q.duration, q.querySize, q.replySize)
}

func (q *queries) Collect(ch chan<- prometheus.Metric) {
	for key, t := range q.zones.byZone() {
		q.do.nonzero(ch, t[doAt], key.server, key.zone, "")
		q.duration.histogram(ch, t, durationAt, durationBounds(), float64(time.Second), key.server, key.zone, "")
		q.collectRequests(ch, key, t)
		q.collectResponses(ch, key, t)
		for _, tcp := range []bool{false, true} {
			q.querySize.histogram(ch, t, sizes(querySizeAt, tcp), sizeBounds(), 1, key.server, key.zone, "", protoLabel(tcp))
			q.replySize.histogram(ch, t, sizes(replySizeAt, tcp), sizeBounds(), 1, key.server, key.zone, "", protoLabel(tcp))
		}
	}
}

func (q *queries) collectRequests(ch chan<- prometheus.Metric, key pair, t *totals) {
	for _, tcp := range []bool{false, true} {
		for _, ipv6 := range []bool{false, true} {
			for i := range types {
				q.requests.nonzero(ch, t[request(tcp, ipv6, i)],
					key.server, key.zone, "", protoLabel(tcp), familyLabel(ipv6), typeLabel(i))
			}
		}
	}
}

// collectResponses adds up sources that have one label.
func (q *queries) collectResponses(ch chan<- prometheus.Metric, key pair, t *totals) {
	for rcode := range rcodes {
		plugins := make(map[string]uint64)
		for s := range sources {
			plugins[s.Plugin()] += t[response(s, rcode)]
		}
		for plugin, n := range plugins {
			q.responses.nonzero(ch, n, key.server, key.zone, "", rcodeLabel(rcode), plugin)
		}
	}
}

func protoLabel(tcp bool) string {
	if tcp {
		return "tcp"
	}
	return "udp"
}

// familyLabel returns the address family's number, IANA's.
func familyLabel(ipv6 bool) string {
	if ipv6 {
		return "2"
	}
	return "1"
}
