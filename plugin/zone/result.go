package zone

import (
	"iter"
	"net/netip"
)

// Result is what a lookup found. It refers to values of the Store, which never change, so
// it may be kept; it does not allocate.
type Result struct {
	Existence Existence
	What      What
	Service   *Service   // for ServiceIPs, Alias, ServicePods
	Addr      netip.Addr // for PodIP

	slices []*Slice
	shared bool   // an address may stand there more than once
	start  uint64 // where Endpoints begins; see Rotate
	want   request
}

// Target is what one SRV record points to.
type Target struct {
	Host    string // the endpoint's label; empty for its dashed address, and for ServiceIPs
	Cluster string // the cluster id of an imported endpoint
	Addr    netip.Addr
	Port    uint16 // 0 where none is declared
}

// noPorts stands for the ports of an object that declares none.
var noPorts = []Port{{}}

func declared(ports []Port) []Port {
	if len(ports) == 0 {
		return noPorts
	}
	return ports
}

func (r Result) alias() Result {
	if r.want.endpoint != "" || r.want.port != "" || r.want.protocol != "" || r.want.topology != "" {
		return Result{Existence: NoName}
	}
	r.Existence, r.What = Records, Alias
	return r
}

func (r Result) clusterIPs() Result {
	for _, p := range declared(r.Service.Ports) {
		if r.want.selects(p) {
			r.Existence, r.What = Records, ServiceIPs
			return r
		}
	}
	return Result{Existence: NoName}
}

// endpoints narrows r to the endpoints that it names. A zonal name exists with none as
// well; one with `prefer` widens to all endpoints then.
func (r Result) endpoints() Result {
	if r.anyEndpoint() {
		r.Existence, r.What = Records, ServicePods
		return r
	}
	if r.want.mixed.IsValid() {
		r.want.dashed = dashed{addr: r.want.mixed}
		return r.endpoints()
	}
	if r.want.topology == "" {
		return Result{Existence: NoName}
	}
	if r.want.prefer {
		r.want.topology = ""
		if r.anyEndpoint() {
			r.Existence, r.What = Records, ServicePods
			return r
		}
	}
	return Result{Existence: NoData}
}

func (r *Result) anyEndpoint() bool {
	for range r.Endpoints() {
		return true
	}
	return false
}

// chosen reports whether r names slice sl at all: its cluster and one of its ports.
func (r *Result) chosen(sl *Slice) bool {
	if r.want.endpoint != "" && (r.want.cluster != sl.Cluster || sl.Nameless) {
		return false
	}
	for _, p := range declared(sl.Ports) {
		if r.want.selects(p) {
			return true
		}
	}
	return false
}

// Endpoints yields the endpoints that r names, with the slice each stands in. One that
// stands there twice is yielded twice.
func (r *Result) Endpoints() iter.Seq2[*Slice, Endpoint] {
	return func(yield func(*Slice, Endpoint) bool) {
		n := len(r.slices)
		for i := range uint64(n) {
			sl := r.slices[(i+r.start)%uint64(n)]
			if r.chosen(sl) && !r.each(sl, yield) {
				return
			}
		}
	}
}

// each yields the endpoints of one slice and reports whether to go on.
func (r *Result) each(sl *Slice, yield func(*Slice, Endpoint) bool) bool {
	n := len(sl.Endpoints)
	turn := r.start / uint64(len(r.slices)) // which slice comes first says nothing of this
	for i := range n {
		if turn != 0 {
			i = int((uint64(i) + turn) % uint64(n)) // #nosec G115 -- less than n
		}
		e := sl.Endpoints[i]
		if r.want.matches(e) && r.inTopology(sl, i) && !yield(sl, e) {
			return false
		}
	}
	return true
}

func (r *Result) inTopology(sl *Slice, i int) bool {
	return r.want.topology == "" || sl.Zones != nil && sl.Zones[i] == r.want.topology
}

// AppendAddrs appends the IPv4 (want4) or IPv6 addresses that r names, each once, until
// dst holds max of them.
func (r *Result) AppendAddrs(dst []netip.Addr, want4 bool, max int) []netip.Addr {
	switch r.What {
	case ServiceIPs:
		for _, a := range r.Service.Addrs {
			if a.Is4() == want4 {
				dst = append(dst, a)
			}
		}
	case PodIP:
		if r.Addr.Is4() == want4 {
			dst = append(dst, r.Addr)
		}
	case ServicePods:
		dst = r.appendEndpointAddrs(dst, want4, max)
	}
	return dst
}
