package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler returns what serves /metrics, the same on each address as with node-cache today: s,
// the Go runtime's and the process's metrics, and the build. It must be called once at most.
func (s *Set) Handler(version, revision string) http.Handler {
	build := gauges(stock, "", "build_info",
		"A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.",
		"version", "revision", "goversion")
	build.WithLabelValues(valid(version), valid(revision), runtime.Version()).Set(1)
	r := prometheus.NewRegistry()
	r.MustRegister(s, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.InstrumentMetricHandler(r, newCollections(promhttp.HandlerFor(r, promhttp.HandlerOpts{})))
}
