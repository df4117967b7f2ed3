package upstream

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
)

// With thousands of nodes, every node's connections to every server would be what a cluster
// DNS spends its memory on. So a node keeps to a few servers, those that score highest for
// it (rendezvous hashing): no node has to know of another, and when a server comes or goes,
// only those nodes change over that gain or lose it.
//
// Scores that are independent from node to node leave evenness to chance: of 5,000 nodes
// and 20 servers, the fullest server has 1.14 times the nodes of the emptiest one on average
// and 1.19 times at worst (TestSpread of test/upstream), and more at times. So nodes with
// neighbouring addresses share out the scores: of 16 of them, each holds another sixteenth of
// a server's range. That makes it 1.08 and 1.12 where addresses are densely used, and no worse
// than before where they are not. A score still depends on the node and the server alone, so
// no more nodes move.

// seat is a node's place in rendezvous hashing.
type seat struct {
	self  uint64 // the node
	block uint64 // the 16 nodes it shares out scores with
	place uint64 // its number among them
}

const places = 16

// newSeat returns the seat of a node. An IP address says who its neighbours are; of any
// other name all that counts is that it is different.
func newSeat(node string) seat {
	number := hash([]byte(node))
	if addr, err := netip.ParseAddr(node); err == nil {
		a := addr.As16()
		number = binary.BigEndian.Uint64(a[8:]) ^ hash(a[:8])&^(places-1)
	}
	return seat{self: mix(number), block: mix(number / places), place: number % places}
}

// score returns what a server is worth to the node.
func (s seat) score(server uint64) uint64 {
	deal := mix(s.block ^ server)
	share := ((s.place^deal)*(deal>>8|1) + deal>>32) % places // an odd factor: a permutation
	return share<<60 | mix(s.self^server)>>4
}

// choose returns the n endpoints with the highest scores, best first, without those that
// are to be skipped, unless that leaves none. n of 0 stands for all of them.
func choose(node seat, all []Endpoint, n int, skip func(Endpoint) bool) []Endpoint {
	well := slices.DeleteFunc(slices.Clone(all), skip)
	if len(well) == 0 {
		well = slices.Clone(all)
	}
	if n <= 0 || n >= len(all) {
		return slices.Clone(all)
	}
	scores := make([]uint64, len(well))
	for i, e := range well {
		scores[i] = node.score(key(e.Addr))
	}
	n = min(n, len(well))
	for i := range n {
		best := i
		for j := i + 1; j < len(well); j++ {
			if scores[j] > scores[best] {
				best = j
			}
		}
		scores[i], scores[best] = scores[best], scores[i]
		well[i], well[best] = well[best], well[i]
	}
	return well[:n]
}

// key returns a hash of a server's address.
func key(addr netip.AddrPort) uint64 {
	b := addr.Addr().As16()
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	return mix(mix(high)^low) ^ mix(uint64(addr.Port()))
}

// hash returns a hash that is the same in every process.
func hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return mix(h.Sum64())
}

// mix spreads the bits of x: the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
