package cache

// Counts are the figures of one class: what it holds now, and what was evicted for lack of room
// since the Cache was made.
type Counts struct {
	Entries   int
	Evictions uint64
}

// Stats are the figures of a Cache. Denial counts NXDOMAIN and NODATA.
type Stats struct {
	Success, Denial, Failure Counts
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
		counts.Evictions += p.evictions
	}
}
