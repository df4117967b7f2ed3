package metrics

import "github.com/prometheus/client_golang/prometheus"

// Namespaces.
const (
	stock = "coredns"
	ours  = "nodecache"
)

// family is a metric, to be told with values that were counted elsewhere.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func newFamily(kind prometheus.ValueType, namespace, subsystem, name, help string, labels ...string) family {
	return family{prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, labels, nil), kind}
}

// to sends a value.
func (f family) to(ch chan<- prometheus.Metric, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

// nonzero sends a count that is above 0: CoreDNS's counters come to life when they first count.
func (f family) nonzero(ch chan<- prometheus.Metric, count uint64, labels ...string) {
	if count > 0 {
		f.to(ch, float64(count), labels...)
	}
}

// histogram sends the histogram at i of t, unless it is empty. Sums are in units.
func (f family) histogram(ch chan<- prometheus.Metric, t *totals, i int, bounds []float64, unit float64, labels ...string) {
	if count, sum, buckets := t.histogram(i, bounds); count > 0 {
		ch <- prometheus.MustNewConstHistogram(f.desc, count, float64(sum)/unit, buckets, labels...)
	}
}

// describe sends the descriptions of families.
func describe(ch chan<- *prometheus.Desc, list ...family) {
	for _, f := range list {
		ch <- f.desc
	}
}

// rising is a counter that does not go back where the one it follows begins anew.
type rising struct{ total, last uint64 }

// follow adds what the other counter gained.
func (r *rising) follow(count uint64) {
	if count < r.last {
		r.last = 0
	}
	r.total += count - r.last
	r.last = count
}

// resume takes up another counter, which stands at count.
func (r *rising) resume(count uint64) { r.last = count }
