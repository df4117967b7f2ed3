package metrics

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/nodecache/upstream"
)

const (
	proxyName = "forward" // the label `proxy_name` of what the plugin forward asks

	// forgetAfter is how long a server keeps its series without a query or a connection. The
	// endpoints of a Service come and go.
	forgetAfter = time.Hour
)

// upstreams are the metrics of the servers that are asked (plugin/pkg/proxy/metrics.go,
// plugin/forward/metrics.go).
type upstreams struct {
	duration               *prometheus.HistogramVec
	reused, opened, unwell *prometheus.CounterVec
	hedges                 *prometheus.CounterVec
	connections            family
	allDown, rejected      prometheus.Counter

	mu      sync.Mutex // held by who changes servers
	servers atomic.Pointer[map[netip.AddrPort]*server]
}

func newUpstreams() *upstreams {
	const sub = "proxy"
	u := &upstreams{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: stock, Subsystem: sub, Name: "request_duration_seconds",
			Help: "Histogram of the time each request took.", Buckets: tally.DurationBounds(),
		}, []string{"proxy_name", "to", "rcode"}),
		reused: counters(stock, sub, "conn_cache_hits_total",
			"Counter of connection cache hits per upstream and protocol.", "proxy_name", "to", "proto"),
		opened: counters(stock, sub, "conn_cache_misses_total",
			"Counter of connection cache misses per upstream and protocol.", "proxy_name", "to", "proto"),
		unwell: counters(stock, sub, "healthcheck_failures_total",
			"Counter of the number of failed healthchecks.", "proxy_name", "to"),
		hedges: counters(ours, "", "upstream_hedges_total",
			"Counter of queries sent to an upstream while another one still had time to answer.", "to"),
		connections: tally.NewFamily(prometheus.GaugeValue, ours, "", "upstream_connections",
			"The number of connections to an upstream.", "to"),
		allDown: counter(stock, "forward", "healthcheck_broken_total",
			"Counter of the number of complete failures of the healthchecks."),
		rejected: counter(stock, "forward", "max_concurrent_rejects_total",
			"Counter of the number of queries rejected because the concurrent queries were at maximum."),
	}
	u.servers.Store(&map[netip.AddrPort]*server{})
	return u
}

// trace returns the functions that count; see Set.Trace.
func (u *upstreams) trace() upstream.Trace {
	return upstream.Trace{
		Asked: func(e upstream.Endpoint, overUDP, reused bool) {
			u.server(e.Addr).asked(protoOf(e, overUDP), reused)
		},
		Answered: func(e upstream.Endpoint, rcode uint8, took time.Duration) {
			u.server(e.Addr).answered(rcode, took)
		},
		Hedged:      func(e upstream.Endpoint) { u.server(e.Addr).hedged() },
		Opened:      func(e upstream.Endpoint, _ upstream.Scope) { u.server(e.Addr).connections.Add(1) },
		Closed:      func(e upstream.Endpoint, _ upstream.Scope, _ error) { u.server(e.Addr).connections.Add(-1) },
		CheckFailed: func(e upstream.Endpoint) { u.server(e.Addr).checkFailed() },
		AllDown:     u.allDown.Inc,
		Rejected:    u.rejected.Inc,
	}
}

// server returns the metrics of a server, which it makes if there are none. Without that it takes no
// lock.
func (u *upstreams) server(addr netip.AddrPort) *server {
	if s := (*u.servers.Load())[addr]; s != nil {
		return s
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	servers := maps.Clone(*u.servers.Load())
	if servers[addr] == nil {
		servers[addr] = &server{all: u, to: addr.String()}
		u.servers.Store(&servers)
	}
	return servers[addr]
}

// forget deletes the series of servers that have not been used for forgetAfter.
func (u *upstreams) forget(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	servers := maps.Clone(*u.servers.Load())
	maps.DeleteFunc(servers, func(_ netip.AddrPort, s *server) bool { return s.gone(now) })
	for addr, s := range *u.servers.Load() {
		if servers[addr] == nil {
			s.drop()
		}
	}
	u.servers.Store(&servers)
}

// vectors returns the vectors that have a label `to`.
func (u *upstreams) vectors() []*prometheus.MetricVec {
	return []*prometheus.MetricVec{u.duration.MetricVec, u.reused.MetricVec, u.opened.MetricVec, u.unwell.MetricVec, u.hedges.MetricVec}
}

func (u *upstreams) Describe(ch chan<- *prometheus.Desc) {
	tally.Describe(ch, u.connections)
	u.allDown.Describe(ch)
	u.rejected.Describe(ch)
	for _, v := range u.vectors() {
		v.Describe(ch)
	}
}

func (u *upstreams) Collect(ch chan<- prometheus.Metric) {
	u.forget(time.Now())
	for _, s := range *u.servers.Load() {
		u.connections.Send(ch, float64(s.connections.Load()), s.to)
	}
	u.allDown.Collect(ch)
	u.rejected.Collect(ch)
	for _, v := range u.vectors() {
		v.Collect(ch)
	}
}
