package reply

import (
	"hash/maphash"
	"math/bits"
	"net/netip"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// fillAddrs puts the A or AAAA records of what was found into r.
func (r *Reply) fillAddrs(q *Question, found *zone.Result) {
	size := sizeA
	if q.Type == wire.AAAA {
		size = sizeAAAA
	}
	total := 0 // cluster IPs are few
	if found.What == zone.ServicePods {
		total = found.EndpointCount()
	}
	n := room(q, found, total, size)
	a := &r.Answer
	a.Addrs = found.AppendAddrs(a.Addrs, q.Type == wire.A, n)
	if len(a.Addrs) > 0 {
		a.Type = q.Type
	}
	r.Truncated = n < total && len(a.Addrs) == n
}

// fillTargets puts the SRV records of what was found into r, and the addresses of their targets
// (Kubernetes DNS specification, sections 2.3.2 and 2.4.2), each once.
func (r *Reply) fillTargets(q *Question, found *zone.Result) {
	origin := q.Zone.length
	total := found.TargetCount()
	size := sizeSRV + found.Service.NameLength(origin) - 1
	if found.What == zone.ServicePods {
		size += 2 // the shortest label
	}
	names := room(q, found, total, size)
	extras := room(q, found, total, sizeA)
	r.grow(names, extras)
	a := &r.Answer
	a.Origin, a.Weight = q.origin(), found.Weight()
	for t := range found.Targets() {
		if len(a.Names) == names {
			break
		}
		if t.Port == 0 {
			continue
		}
		n := Name{Key: found.Service.Key}
		if found.What == zone.ServicePods {
			n.Label, n.Cluster = r.label(t.Host, t.Addr), t.Cluster
		}
		if n.fits(origin) { // an endpoint whose name is too long has no record
			r.addTarget(&n, t.Addr, t.Port, extras)
		}
	}
	if len(a.Names) > 0 {
		a.Type = wire.SRV
	}
	r.Truncated = names < total && len(a.Names) == names || extras < total && len(r.Extra) == extras
}

// grow prepares r for the numbers of records given.
func (r *Reply) grow(names, extras int) {
	if r.seed == (maphash.Seed{}) {
		r.seed = maphash.MakeSeed()
	}
	r.seenNames.reset(names)
	r.seenExtras.reset(extras)
}

// addTarget adds a target and its address, unless there are as many extras already.
func (r *Reply) addTarget(n *Name, addr netip.Addr, port uint16, extras int) {
	a, hash := &r.Answer, n.hash(r.seed)
	at, fresh := r.seenNames.add(hash, len(a.Names), func(i int) bool { return a.Ports[i] == port && a.Names[i] == *n })
	if fresh {
		a.Names, a.Ports = append(a.Names, *n), append(a.Ports, port)
	}
	if len(r.Extra) == extras {
		return
	}
	same := func(i int) bool { return r.Extra[i].Addr == addr && a.Names[r.Extra[i].Name] == *n }
	if _, fresh := r.seenExtras.add(hash, len(r.Extra), same); fresh {
		r.Extra = append(r.Extra, Extra{at, addr})
	}
}

// seen is a hash table of places in a list. A slot holds a place plus one; 0 is a free slot. It
// takes a tenth of the memory of a map.
type seen []uint32

// reset empties the table. It will be half full with n places.
func (s *seen) reset(n int) {
	size := 2 << bits.Len(uint(n))
	if cap(*s) < size {
		*s = make(seen, size)
		return
	}
	*s = (*s)[:size]
	clear(*s)
}

// add returns the place of a record that is the same. If there is none, it adds place and
// returns it, and true.
func (s seen) add(hash uint64, place int, same func(place int) bool) (at int, fresh bool) {
	mask := uint64(len(s) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch p := s[i]; {
		case p == 0:
			s[i] = uint32(place) + 1
			return place, true
		case same(int(p) - 1):
			return int(p) - 1, false
		}
	}
}
