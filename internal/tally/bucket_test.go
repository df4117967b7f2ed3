package tally

import (
	"sort"
	"testing"
	"time"
)

// TestBuckets compares with a search for the first bound that is not below the value.
func TestBuckets(t *testing.T) {
	for n := range 1<<16 + 1 {
		if got, want := sizeBucket(n), sort.SearchFloat64s(sizeBounds(), float64(n)); got != want {
			t.Errorf("size %d: bucket %d, want %d", n, got, want)
		}
	}
	bounds := DurationBounds()
	for i := range durationBuckets {
		bound := firstDuration << i
		for _, d := range []time.Duration{0, bound - 1, bound, bound + 1, bound + bound/3} {
			if got, want := durationBucket(d), sort.SearchFloat64s(bounds, d.Seconds()); got != want {
				t.Errorf("%v: bucket %d, want %d", d, got, want)
			}
		}
	}
}
