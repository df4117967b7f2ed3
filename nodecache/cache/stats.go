package cache

// Counts are the figures of one class. Entries and Bytes are as of now, the others since
// the Cache was made.
type Counts struct {
	Entries   int
	Bytes     int64
	Hits      uint64
	Evictions uint64
}

// Stats are the figures of a Cache. Denial counts NXDOMAIN and NODATA.
type Stats struct {
	Success, Denial, Failure Counts
	Misses                   uint64
	Stale                    uint64 // stale answers given
	Prefetches               uint64 // answers given with the advice to prefetch
}

// Stats adds up the figures of all shards, each as of a moment of its own.
func (c *Cache) Stats() (st Stats) {
	for _, s := range c.shards {
		s.addTo(&st)
	}
	return st
}

func (s *shard) addTo(st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, counts := range [classes]*Counts{&st.Success, &st.Denial, &st.Failure} {
		p := &s.parts[c]
		counts.Entries += p.lru.Len()
		counts.Bytes += p.bytes
		counts.Hits += p.hits
		counts.Evictions += p.evictions
	}
	st.Misses += s.misses
	st.Stale += s.stale.Load()
	st.Prefetches += s.prefetches.Load()
}
