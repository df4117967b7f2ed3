package tally

import "github.com/prometheus/client_golang/prometheus"

// Family is a metric whose values are counted elsewhere and sent when they are collected.
type Family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// NewFamily returns a Family. An empty namespace or subsystem is left out of its name.
func NewFamily(kind prometheus.ValueType, namespace, subsystem, name, help string, labels ...string) Family {
	return Family{prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, labels, nil), kind}
}

// Send sends a value. Labels are in the order that NewFamily had them in.
func (f Family) Send(ch chan<- prometheus.Metric, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
}

// SendCount sends a count unless it is 0. CoreDNS's counters appear when they first count, too.
func (f Family) SendCount(ch chan<- prometheus.Metric, count uint64, labels ...string) {
	if count > 0 {
		f.Send(ch, float64(count), labels...)
	}
}

// sendHistogram sends the histogram at i of t, unless it is empty. Its sum is divided by unit.
func (f Family) sendHistogram(ch chan<- prometheus.Metric, t *Totals, i int, bounds []float64, unit float64, labels ...string) {
	if count, sum, buckets := t.histogram(i, bounds); count > 0 {
		ch <- prometheus.MustNewConstHistogram(f.desc, count, float64(sum)/unit, buckets, labels...)
	}
}

// Describe sends the descriptions of families.
func Describe(ch chan<- *prometheus.Desc, list ...Family) {
	for _, f := range list {
		ch <- f.desc
	}
}
