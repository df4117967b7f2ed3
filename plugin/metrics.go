package kubernetes

import (
	"strings"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/neardns/neardns/plugin/kube"
	"github.com/neardns/neardns/plugin/zone"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics outlive a reload, so they are globals. Their names are those of the stock plugin, except
// for data_age_seconds, log_dropped_total, objects_skipped_total, repairs_total, silent_watches_total and those of
// snapshots, which are ours.
var (
	// programming is the DNS programming latency SLI of Kubernetes' SIG Scalability: the time from
	// the change of a Pod or Service to the change in DNS.
	programming = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace:                   plugin.Namespace,
		Subsystem:                   pluginName,
		Name:                        "dns_programming_duration_seconds",
		Buckets:                     prometheus.ExponentialBuckets(0.001, 2, 20), // 1 ms to 17 minutes
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
		Help:                        "Histogram of the time (in seconds) it took to program a dns instance.",
	}, []string{"service_kind"})

	objectsSkipped = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "objects_skipped_total",
		Help:      "Counter of the parts of Kubernetes objects that could not be served.",
	}, []string{"kind"})

	_ = promauto.NewCounterFunc(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "log_dropped_total",
		Help:      "Counter of the lines of this plugin's log that were dropped, as nobody read them in time.",
	}, func() float64 { return float64(log.queue.Dropped()) })

	_ = promauto.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "data_age_seconds",
		Help:      "How old the served records may be: 0 while the API server is followed, NaN before there are any.",
	}, func() float64 { return live.longest((*runner).age) })

	_ = promauto.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "snapshot_behind_seconds",
		Help:      "For how long the file of `snapshot FILE keep` has lacked a change: a few seconds after each, more if it can't be written. NaN without such a file.",
	}, func() float64 { return live.longest((*runner).behind) })

	snapshotWrites = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "snapshot_writes_total",
		Help:      "Counter of the attempts to write the file of `snapshot FILE keep`, by result: ok or failed.",
	}, []string{"result"})

	repairs = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "repairs_total",
		Help:      "Counter of the Kubernetes objects that a comparison with the API server found different, so that they were fetched again.",
	}, []string{"kind"})

	silentWatches = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "silent_watches_total",
		Help:      "Counter of the watches of the API server that said nothing although objects changed, and were begun anew.",
	}, []string{"kind"})

	requestDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace:                   plugin.Namespace,
		Subsystem:                   pluginName,
		Name:                        "rest_client_request_duration_seconds",
		Buckets:                     prometheus.DefBuckets,
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
		Help:                        "Request latency in seconds. Broken down by verb and host.",
	}, []string{"verb", "host"})

	rateLimiterDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace:                   plugin.Namespace,
		Subsystem:                   pluginName,
		Name:                        "rest_client_rate_limiter_duration_seconds",
		Buckets:                     prometheus.DefBuckets,
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
		Help:                        "Client side rate limiter latency in seconds. Broken down by verb and host.",
	}, []string{"verb", "host"})

	requests = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "rest_client_requests_total",
		Help:      "Number of HTTP requests, partitioned by status code, method, and host.",
	}, []string{"code", "method", "host"})
)

func init() {
	kube.LogTo(log)
	kube.ObserveRequests(
		func(verb, host string, d time.Duration) {
			requestDuration.WithLabelValues(verb, valid(host)).Observe(d.Seconds())
		},
		func(verb, host string, d time.Duration) {
			rateLimiterDuration.WithLabelValues(verb, valid(host)).Observe(d.Seconds())
		},
		func(code, method, host string) {
			requests.WithLabelValues(code, method, valid(host)).Inc()
		},
	)
}

// valid makes s a valid label value: UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// observeWrite records how a write of a kept file went.
func observeWrite(err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	snapshotWrites.WithLabelValues(result).Inc()
}

// kubeMetrics implements kube.Metrics.
type kubeMetrics struct{}

// Silent implements kube.Metrics.
func (kubeMetrics) Silent(kind string) { silentWatches.WithLabelValues(kind).Inc() }

// Repaired implements kube.Metrics.
func (kubeMetrics) Repaired(kind string, n int) { repairs.WithLabelValues(kind).Add(float64(n)) }

// observeProgramming records that a change of s took d to arrive here. s may be nil.
func observeProgramming(s *zone.Service, d time.Duration) {
	if s != nil && s.Kind != zone.ExternalName {
		programming.WithLabelValues(serviceKind(s)).Observe(d.Seconds())
	}
}

func serviceKind(s *zone.Service) string {
	switch {
	case s.Kind == zone.ClusterIP:
		return "cluster_ip"
	case s.Selector:
		return "headless_with_selector"
	}
	return "headless_without_selector"
}
