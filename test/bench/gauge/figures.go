package gauge

import (
	"fmt"
	"slices"
)

// Median returns the median of v, which it sorts.
func Median(v []float64) float64 { return Quantile(v, 0.5) }

// P99 returns the 99th percentile of v. It sorts v.
func P99(v []float64) float64 { return Quantile(v, 0.99) }

// Quantile returns the q-quantile of v, and 0 if v is empty. It sorts v.
func Quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[min(len(v)-1, int(q*float64(len(v))))]
}

// Number returns a figure as the tables print it: with three digits or more. A figure of 0 was not
// measured, and is printed as a dash.
func Number(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
