package metrics

// totals are cells added up.
type totals [cellCount]uint64

func (t *totals) add(c *cells) {
	for i := range c.n {
		t[i] += c.n[i].Load()
	}
}

func (t *totals) sum(other *totals) {
	for i, n := range other {
		t[i] += n
	}
}

// answers returns the number of answers from any of the sources.
func (t *totals) answers(from ...Source) (n uint64) {
	for _, s := range from {
		for rcode := range rcodes {
			n += t[response(s, rcode)]
		}
	}
	return n
}

// Hits and misses of the cache.
func (t *totals) hits() uint64    { return t.answers(Success) }
func (t *totals) denials() uint64 { return t.answers(Denial, Cut, Failure) }
func (t *totals) misses() uint64  { return t.answers(Forwarded, Failed) }

// histogram returns the histogram at i, with counts as Prometheus has them: of all that is
// not above a bound.
func (t *totals) histogram(i int, bounds []float64) (count, sum uint64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(bounds))
	for j, bound := range bounds {
		count += t[i+1+j]
		buckets[bound] = count
	}
	return count + t[i+1+len(bounds)], t[i], buckets
}
