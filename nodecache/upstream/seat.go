package upstream

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
)

// With thousands of nodes, a cluster DNS would spend its memory on connections if every node had
// some to every server. So a node uses only a few servers: those that score highest for it
// (rendezvous hashing). No node has to know of another. When a server comes or goes, only the
// nodes that gain or lose it change over.
//
// If the scores of all nodes were independent, chance would decide how evenly nodes spread. With
// 5,000 nodes and 20 servers, the fullest server would have 1.14 times as many nodes as the
// emptiest on average, 1.19 times in the worst trial (TestSpread), and sometimes more. So nodes
// with neighbouring addresses share out the scores: of 16 such nodes, each has another sixteenth of
// a server's range. That makes it 1.08 and 1.12 where the nodes' addresses are close together,
// and no worse where they are not. A score still depends on the node and the server alone, so
// nodes don't change over more often.

// seat is a node's place in rendezvous hashing.
type seat struct {
	self  uint64 // the node
	block uint64 // the 16 nodes that share out scores
	place uint64 // the node's number among these
}

const places = 16

// newSeat returns the seat of a node. If the node is named by an IP address, that tells which
// nodes are its neighbours. Other names only have to differ.
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

// choose returns the n endpoints with the highest scores, best first. It leaves out those that
// skip returns true for, unless that leaves none. An n of 0 means all endpoints.
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

// mix spreads the bits of x. It is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
