package tally

import (
	"math/bits"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The number of buckets, with one more for what is above the last bound. The bounds are
// CoreDNS's (plugin.TimeBuckets, plugin/metrics/vars).
const (
	durationBuckets = 16 + 1
	sizeBuckets     = 14 + 1
	firstDuration   = 250 * time.Microsecond
)

// DurationBounds returns the upper bounds of durations in seconds: 0.25 ms to 8.2 s, each twice
// the one before.
func DurationBounds() []float64 {
	return prometheus.ExponentialBuckets(firstDuration.Seconds(), 2, durationBuckets-1)
}

// sizeBounds returns the upper bounds of sizes in bytes.
func sizeBounds() []float64 {
	return []float64{0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3}
}

// durationBucket returns the bucket of d, which is not negative. A bound belongs to the bucket
// below it.
func durationBucket(d time.Duration) int {
	if d <= firstDuration {
		return 0
	}
	return min(bits.Len64(uint64((d-1)/firstDuration)), durationBuckets-1)
}

// sizeBucket returns the bucket of n bytes, which is not negative.
func sizeBucket(n int) int {
	switch {
	case n <= 400:
		return (n + 99) / 100
	case n <= 511:
		return 5
	case n <= 4095:
		return bits.Len(uint(n)) - 4 // 512 to 1023 is bucket 6
	case n <= 8291:
		return 9
	case n <= 16e3:
		return 10
	}
	return min(11+(n-16e3-1)/16e3, sizeBuckets-1)
}
