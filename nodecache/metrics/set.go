package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Set is all metrics of the process. It lives as long as the process does. A reload tells it what is
// watched from now on. All methods are safe for concurrent use.
type Set struct {
	Queries *tally.Set // what is counted of each query
	Events  *Events

	caches    *caches
	plugins   *plugins
	fronts    *fronts
	upstreams *upstreams
	parts     []prometheus.Collector
}

// New returns a Set whose queries are counted by writers; see tally.New.
func New(writers int) *Set {
	queries := tally.New(writers)
	s := &Set{
		Queries:   queries,
		Events:    newEvents(),
		caches:    newCaches(queries),
		plugins:   newPlugins(),
		fronts:    newFronts(),
		upstreams: newUpstreams(),
	}
	s.parts = []prometheus.Collector{queries, s.caches, s.plugins, s.fronts, s.upstreams, s.Events}
	return s
}

// Trace returns the functions that an upstream.Forward reports to. Those that are nil have nothing
// to count, so that the caller may use them for logs.
func (s *Set) Trace() upstream.Trace { return s.upstreams.trace() }

// WatchCaches replaces the list of caches that are read. The caches that were read before are read
// once more. The caches of list count from now on; those that were read before go on.
func (s *Set) WatchCaches(list []CacheWatch) { s.caches.replace(list) }

// WatchFronts sets how the sockets' counters are read. No counter may fall.
func (s *Set) WatchFronts(counts func() listen.Counts) { s.fronts.set(counts) }

// SetPlugins replaces the list of directives that are in force. As in CoreDNS, the metric has only
// those that are handlers there.
func (s *Set) SetPlugins(list []Plugin) { s.plugins.set(list) }

// Handler returns the handler of /metrics: all of s, the metrics of the Go runtime and of the process,
// and the build. As with node-cache today, every address serves the same. It must be called once at
// most.
func (s *Set) Handler(version, revision string) http.Handler {
	build := gauges(stock, "", "build_info",
		"A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.",
		"version", "revision", "goversion")
	build.WithLabelValues(tally.Label(version), tally.Label(revision), runtime.Version()).Set(1)
	r := prometheus.NewRegistry()
	r.MustRegister(s, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.InstrumentMetricHandler(r, newCollections(promhttp.HandlerFor(r, promhttp.HandlerOpts{})))
}

// Describe implements prometheus.Collector.
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	for _, p := range s.parts {
		p.Describe(ch)
	}
}

// Collect implements prometheus.Collector. It sends the values as of now.
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	for _, p := range s.parts {
		p.Collect(ch)
	}
}
