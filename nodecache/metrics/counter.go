package metrics

import "github.com/prometheus/client_golang/prometheus"

// Namespaces.
const (
	stock = "coredns"
	ours  = "nodecache"
)

func counter(namespace, subsystem, name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
}

func counters(namespace, subsystem, name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels)
}

func gauge(namespace, subsystem, name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
}

func gauges(namespace, subsystem, name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels)
}

// rising is a counter that follows another one. It never goes back, though the other may start again
// at 0.
type rising struct{ total, last uint64 }

// follow adds what the other counter gained.
func (r *rising) follow(count uint64) {
	if count < r.last {
		r.last = 0
	}
	r.total += count - r.last
	r.last = count
}

// resume begins to follow another counter, which stands at count.
func (r *rising) resume(count uint64) { r.last = count }
