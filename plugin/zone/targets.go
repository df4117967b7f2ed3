package zone

import (
	"iter"
	"net/netip"
)

// Targets yields what the SRV records of r point to, with repetitions where objects repeat
// themselves: each endpoint, or cluster IP, with each port that r names.
func (r *Result) Targets() iter.Seq[Target] {
	return func(yield func(Target) bool) {
		switch r.What {
		case ServiceIPs:
			r.serviceTargets(yield)
		case ServicePods:
			r.endpointTargets(yield)
		}
	}
}

func (r *Result) serviceTargets(yield func(Target) bool) {
	for _, p := range declared(r.Service.Ports) {
		if !r.want.selects(p) {
			continue
		}
		for _, a := range r.Service.Addrs {
			if !yield(Target{Addr: a, Port: p.Number}) {
				return
			}
		}
	}
}

func (r *Result) endpointTargets(yield func(Target) bool) {
	for sl, e := range r.Endpoints() {
		if sl.Nameless {
			continue
		}
		for _, p := range declared(sl.Ports) {
			if !r.want.selects(p) {
				continue
			}
			if !yield(Target{Host: e.Host, Cluster: sl.Cluster, Addr: e.Addr, Port: p.Number}) {
				return
			}
		}
	}
}

// Weight is the weight of each SRV record (RFC 2782): an equal share of 100, at least 1.
func (r *Result) Weight() uint16 {
	if r.want.endpoint == "" && r.want.topology == "" {
		return ShareOf(r.TargetCount())
	}
	n := 0
	for range r.Targets() {
		n++
	}
	return ShareOf(n)
}

// TargetCount returns how many Targets there are, without looking at each: too many where
// r names some of the endpoints only.
func (r *Result) TargetCount() int {
	if r.What == ServiceIPs {
		return len(r.Service.Addrs) * r.countPorts(r.Service.Ports)
	}
	n := 0
	for _, sl := range r.slices {
		if !sl.Nameless {
			n += len(sl.Endpoints) * r.countPorts(sl.Ports)
		}
	}
	return n
}

// countPorts counts the ports that r names.
func (r *Result) countPorts(ports []Port) (n int) {
	for _, p := range declared(ports) {
		if r.want.selects(p) {
			n++
		}
	}
	return n
}

// ShareOf returns the weight of one of n equal SRV records.
func ShareOf(n int) uint16 {
	return uint16(max(1, 100/max(1, n))) // #nosec G115 -- at most 100
}

// Rotate makes Endpoints begin anywhere, by the number given, and wrap around. An answer
// that has no room for all endpoints takes the first, so that they should not be the same each time.
func (r *Result) Rotate(by uint64) { r.start = by }

// EndpointCount returns how many endpoints the Service has, an upper bound of those named.
func (r *Result) EndpointCount() int {
	n := 0
	for _, sl := range r.slices {
		n += len(sl.Endpoints)
	}
	return n
}

// appendEndpointAddrs appends addresses of the family that want4 asks for until dst holds max.
func (r *Result) appendEndpointAddrs(dst []netip.Addr, want4 bool, max int) []netip.Addr {
	var seen map[netip.Addr]struct{}
	if r.shared {
		seen = make(map[netip.Addr]struct{})
	}
	for _, e := range r.Endpoints() {
		if e.Addr.Is4() != want4 {
			continue
		}
		if seen != nil {
			if _, ok := seen[e.Addr]; ok {
				continue
			}
			seen[e.Addr] = struct{}{}
		}
		if dst = append(dst, e.Addr); len(dst) >= max {
			break
		}
	}
	return dst
}
