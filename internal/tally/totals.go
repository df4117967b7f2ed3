package tally

// Totals are cells added up.
type Totals [cellCount]uint64

func (t *Totals) addCells(c *cells) {
	for i := range c {
		t[i] += c[i].Load()
	}
}

// Add adds other to t.
func (t *Totals) Add(other *Totals) {
	for i, n := range other {
		t[i] += n
	}
}

// Answers returns the number of answers that came from any of the sources.
func (t *Totals) Answers(from ...Source) (n uint64) {
	for _, s := range from {
		for rcode := range rcodes {
			n += t[responseAt(s, rcode)]
		}
	}
	return n
}

// Stale returns the number of answers that had expired (RFC 8767).
func (t *Totals) Stale() uint64 { return t[staleAt] }

// Prefetches returns the number of answers that were asked for again before they expired.
func (t *Totals) Prefetches() uint64 { return t[prefetchAt] }

// Drops returns what Zone.Drop counted.
func (t *Totals) Drops() uint64 { return t[dropAt] }

// histogram returns the histogram at i. Its counts are Prometheus's: a bound has the count of all
// that is not above it.
func (t *Totals) histogram(i int, bounds []float64) (count, sum uint64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(bounds))
	for j, bound := range bounds {
		count += t[i+1+j]
		buckets[bound] = count
	}
	return count + t[i+1+len(bounds)], t[i], buckets
}
