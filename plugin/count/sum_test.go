package count

import (
	"testing"

	"github.com/coredns/coredns/plugin/metrics/vars"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// gather returns the one family that r has.
func gather(t *testing.T, r *prometheus.Registry) *dto.MetricFamily {
	t.Helper()
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	return families[0]
}

// TestSum adds up histograms of two collectors. One with the same labels in both is a sum, and has
// the classic buckets only. The others stay as they are.
func TestSum(t *testing.T) {
	options := prometheus.HistogramOpts{Name: "h", Help: "H.", Buckets: []float64{1, 2}, NativeHistogramBucketFactor: 1.05}
	a, b := prometheus.NewHistogramVec(options, []string{"x", "y"}), prometheus.NewHistogramVec(options, []string{"x", "y"})
	a.WithLabelValues("1", "23").Observe(0.5)
	a.WithLabelValues("12", "3").Observe(0.5)
	b.WithLabelValues("12", "3").Observe(1.5)
	b.WithLabelValues("12", "3").Observe(9)
	r := prometheus.NewRegistry()
	r.MustRegister(sum{a, b})
	for _, m := range gather(t, r).Metric {
		h := m.GetHistogram()
		if m.Label[0].GetValue() == "1" {
			if h.GetSampleCount() != 1 || h.Schema == nil || h.CreatedTimestamp == nil {
				t.Errorf("it was changed: %v", m)
			}
			continue
		}
		if h.GetSampleCount() != 3 || h.GetSampleSum() != 11 || h.Schema != nil || h.CreatedTimestamp != nil {
			t.Errorf("no sum: %v", m)
		}
		for i, want := range []uint64{1, 2} {
			if b := h.Bucket[i]; b.GetCumulativeCount() != want || b.GetUpperBound() != float64(1+i) {
				t.Errorf("bucket %d is %v", i, b)
			}
		}
	}
}

// TestElsewhere shows that nothing is changed if CoreDNS's collectors are not where they should be.
func TestElsewhere(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(vars.RequestCount)
	if c, err := newCounts(r); err == nil || c != nil {
		t.Errorf("%v, %v", c, err)
	}
	if !r.Unregister(vars.RequestCount) {
		t.Error("a collector of CoreDNS's is gone")
	}
}
