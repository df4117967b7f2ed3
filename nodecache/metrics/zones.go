package metrics

import (
	"math/bits"
	"sync"
)

// zones are all zones there ever were.
type zones struct {
	shards int

	mu   sync.Mutex
	list map[labels]*Zone
}

func newZones(shards int) *zones {
	n := 1 << bits.Len(uint(max(shards, 1)-1))
	return &zones{shards: n, list: make(map[labels]*Zone)}
}

// zone returns the Zone for l, which it makes if there is none.
func (z *zones) zone(l labels) *Zone {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.list[l] == nil {
		z.list[l] = newZone(z.shards)
	}
	return z.list[l]
}

// pair are the values of `server` and of `zone` or `zones`.
type pair struct{ server, zone string }

// byZone adds up by server and zone.
func (z *zones) byZone() map[pair]*totals {
	return z.total(func(l labels) pair { return pair{l.server, l.zone} })
}

// byCache adds up by server and cache. Zones without a cache stand under "".
func (z *zones) byCache() map[pair]*totals {
	return z.total(func(l labels) pair { return pair{l.server, l.caches} })
}

func (z *zones) total(of func(labels) pair) map[pair]*totals {
	z.mu.Lock()
	defer z.mu.Unlock()
	sums := make(map[pair]*totals)
	for l, zone := range z.list {
		zone.addTo(at(sums, of(l)))
	}
	return sums
}

// at returns the value for key, which it makes if there is none.
func at[V any](m map[pair]*V, key pair) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}
