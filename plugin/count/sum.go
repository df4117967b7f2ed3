package count

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// sum collects what all its collectors collect. It adds up counters, and histograms, that have the
// same name and the same labels.
type sum []prometheus.Collector

// Describe implements prometheus.Collector.
func (s sum) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (s sum) Collect(ch chan<- prometheus.Metric) {
	collected := make(chan prometheus.Metric, 64)
	go func() {
		defer close(collected)
		for _, c := range s {
			c.Collect(collected)
		}
	}()
	added := make(map[string]*metric)
	for c := range collected {
		m := &metric{desc: c.Desc()}
		if err := c.Write(&m.value); err != nil {
			ch <- prometheus.NewInvalidMetric(c.Desc(), err)
			continue
		}
		if other := added[m.key()]; other != nil {
			other.add(&m.value)
		} else {
			added[m.key()] = m
		}
	}
	for _, m := range added {
		ch <- m
	}
}

// metric is one series, or one histogram. It implements prometheus.Metric.
type metric struct {
	desc  *prometheus.Desc
	value dto.Metric
}

// key is the same for metrics that are added up. Descriptions are the same if the text of them is.
func (m *metric) key() string {
	var b strings.Builder
	b.WriteString(m.desc.String())
	for _, l := range m.value.GetLabel() { // sorted by name
		b.WriteByte(0xFF) // in no label value, as they are UTF-8
		b.WriteString(l.GetValue())
	}
	return b.String()
}

// add adds other to m. What is left out on purpose:
//
// Native histograms. Their buckets are as fine as the values demand, and the lane has fixed cells. A
// histogram whose native buckets counted less than all would be wrong, so a sum has the classic
// buckets only.
//
// The time of creation. A series of the lane's may be older than CoreDNS's of the same labels, whose
// time would tell Prometheus that the counter had begun again.
func (m *metric) add(other *dto.Metric) {
	switch {
	case m.value.Counter != nil && other.Counter != nil:
		total := m.value.Counter.GetValue() + other.Counter.GetValue()
		m.value.Counter = &dto.Counter{Value: &total}
	case m.value.Histogram != nil && other.Histogram != nil:
		m.value.Histogram = addHistograms(m.value.Histogram, other.Histogram)
	}
}

func addHistograms(a, b *dto.Histogram) *dto.Histogram {
	count, total := a.GetSampleCount()+b.GetSampleCount(), a.GetSampleSum()+b.GetSampleSum()
	h := &dto.Histogram{SampleCount: &count, SampleSum: &total}
	for i, bucket := range a.GetBucket() {
		if i >= len(b.GetBucket()) || bucket.GetUpperBound() != b.GetBucket()[i].GetUpperBound() {
			break // the bounds differ from here on; a histogram of fewer buckets is right all the same
		}
		n := bucket.GetCumulativeCount() + b.GetBucket()[i].GetCumulativeCount()
		h.Bucket = append(h.Bucket, &dto.Bucket{CumulativeCount: &n, UpperBound: bucket.UpperBound})
	}
	return h
}

// Desc implements prometheus.Metric.
func (m *metric) Desc() *prometheus.Desc { return m.desc }

// Write implements prometheus.Metric.
func (m *metric) Write(out *dto.Metric) error {
	out.Label, out.Counter, out.Histogram = m.value.Label, m.value.Counter, m.value.Histogram
	return nil
}
