package metrics

import "sync/atomic"

// Zone counts the queries of one zone that came to one server.
type Zone struct {
	shards []atomic.Pointer[cells] // a power of two; nil for a loop that never saw the zone
}

// labels tell zones apart. caches is what the zone's cache has in its label `zones`, or empty.
type labels struct{ server, zone, caches string }

func newZone(shards int) *Zone {
	return &Zone{shards: make([]atomic.Pointer[cells], shards)}
}

// Observe counts one query. It allocates nothing but once a loop, on its first query.
func (z *Zone) Observe(s *Sample) {
	c := z.shard(s.Shard)
	query, reply, took := max(s.QuerySize, 0), max(s.ReplySize, 0), max(s.Took, 0)
	c.observe(durationAt, durationBucket(took), int(took))
	c.observe(sizes(querySizeAt, s.TCP), sizeBucket(query), query)
	c.observe(sizes(replySizeAt, s.TCP), sizeBucket(reply), reply)
	c.count(request(s.TCP, s.IPv6, typeIndex(s.Type)))
	c.count(response(s.Source, rcodeIndex(s.Rcode)))
	if s.DO {
		c.count(doAt)
	}
	if s.Stale {
		c.count(staleAt)
	}
	if s.Prefetch {
		c.count(prefetchAt)
	}
}

// Drop counts a response that the cache did not take because it was malformed or answered
// another question.
func (z *Zone) Drop(shard int) { z.shard(shard).count(dropAt) }

// shard returns the cells of a loop. They are made when it needs them: most loops belong to
// one address and never see the zones of another.
func (z *Zone) shard(i int) *cells {
	p := &z.shards[i&(len(z.shards)-1)]
	if c := p.Load(); c != nil {
		return c
	}
	p.CompareAndSwap(nil, new(cells))
	return p.Load()
}

// addTo adds up the cells of all loops.
func (z *Zone) addTo(t *totals) {
	for i := range z.shards {
		if c := z.shards[i].Load(); c != nil {
			t.add(c)
		}
	}
}
