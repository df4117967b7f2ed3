package zone

import (
	"iter"
	"net/netip"
	"slices"
)

// Result is what a lookup found. It refers to values of the Store alone, which never change, so
// a caller may keep it and may reuse the memory of the name. Making it does not allocate.
type Result struct {
	Existence Existence
	What      What
	Service   *Service   // for ServiceIPs, Alias, ServicePods
	Addr      netip.Addr // for PodIP
	Why       Why        // for NoName and NoData

	slices []*Slice
	shared bool   // slices may list an address more than once
	start  uint64 // where Endpoints begins; see Rotate
	want   selection
}

// selection says which endpoints and ports of a Service a Result holds: all, where a part is
// empty. Its strings are the Store's own once a Result is returned.
type selection struct {
	endpoint bool       // one endpoint is named,
	host     string     // by its host name, or
	addr     netip.Addr // by its address where it has no host name
	cluster  string     // of the endpoint; empty for endpoints of no cluster
	topology string
	portName
}

// matches reports whether the endpoint is the one that w names, if w names one.
func (w *selection) matches(e *Endpoint) bool {
	if !w.endpoint {
		return true
	}
	if e.Host != "" {
		return e.Host == w.host
	}
	return e.Addr == w.addr
}

// Target is what one SRV record points to.
type Target struct {
	Host    string // the endpoint's label; empty for its dashed address, and for ServiceIPs
	Cluster string // the cluster id of an imported endpoint
	Addr    netip.Addr
	Port    uint16 // 0 where the object declares none
}

// noPorts stands for the ports of an object that declares none.
var noPorts = []Port{{}}

func declared(ports []Port) []Port {
	if len(ports) == 0 {
		return noPorts
	}
	return ports
}

// find narrows r, which holds a whole Service, to what the request names.
func (r Result) find(want *request) Result {
	switch {
	case r.Service.Kind == ExternalName:
		return r.alias(want)
	case r.Service.Kind == Headless || want.endpoint != "":
		r.want = selection{
			endpoint: want.endpoint != "", host: want.endpoint, addr: want.addr,
			cluster: want.cluster, topology: want.topology, portName: want.portName,
		}
		return r.endpoints(want)
	case want.topology != "":
		return Result{Existence: NoName, Why: NoSuchForm}
	}
	return r.clusterIPs(want)
}

func (r Result) alias(want *request) Result {
	if want.endpoint != "" || want.portName != (portName{}) || want.topology != "" {
		return Result{Existence: NoName, Why: BelowAlias}
	}
	r.Existence, r.What = Records, Alias
	return r
}

func (r Result) clusterIPs(want *request) Result {
	if want.portName == (portName{}) { // the ports need not be looked at
		r.Existence, r.What = Records, ServiceIPs
		return r
	}
	for _, p := range declared(r.Service.Ports) {
		if want.selects(p) {
			r.Existence, r.What, r.want.portName = Records, ServiceIPs, want.portName
			r.want.keep(p)
			return r
		}
	}
	return Result{Existence: NoName, Why: NoPort}
}

// endpoints returns r if it names any endpoints. A zonal name exists without endpoints as well;
// if it says `prefer`, it then names all endpoints of the Service.
func (r Result) endpoints(want *request) Result {
	if r.anyEndpoint() {
		r.Existence, r.What = Records, ServicePods
		return r
	}
	if want.mixed.IsValid() && r.want.addr != want.mixed {
		r.want.addr = want.mixed
		return r.endpoints(want)
	}
	if want.topology == "" {
		return Result{Existence: NoName, Why: r.whyNoEndpoint()}
	}
	if want.prefer {
		r.want.topology = ""
		if r.anyEndpoint() {
			r.Existence, r.What = Records, ServicePods
			return r
		}
	}
	return Result{Existence: NoData, Why: r.whyNoEndpoint(), Service: r.Service, slices: r.slices}
}

// anyEndpoint reports whether r names any endpoint. If so, r names it by the Store's own strings
// from then on.
func (r *Result) anyEndpoint() bool {
	for sl, e := range r.Endpoints() {
		r.keep(sl, e)
		return true
	}
	return false
}

// keep replaces the strings of r.want by equal ones of the slice sl and its endpoint e, both of
// which r names.
func (r *Result) keep(sl *Slice, e *Endpoint) {
	w := &r.want
	label := w.host
	if w.topology != "" {
		w.topology = sl.Zones[slices.Index(sl.Zones, w.topology)]
	}
	for _, p := range declared(sl.Ports) {
		if w.selects(p) {
			w.portName.keep(p)
			break
		}
	}
	if !w.endpoint {
		return
	}
	w.cluster, w.host = sl.Cluster, e.Host
	if e.Host == "" {
		w.host = r.ownHost(label)
	}
}

// ownHost returns the Store's own string for an endpoint's host name, or "" if no endpoint of
// the Service has that name.
func (r *Result) ownHost(host string) string {
	for _, sl := range r.slices {
		for i := range sl.Endpoints {
			if sl.Endpoints[i].Host == host {
				return sl.Endpoints[i].Host
			}
		}
	}
	return ""
}

// chosen reports whether r names slice sl at all: its cluster and one of its ports.
func (r *Result) chosen(sl *Slice) bool {
	if r.want.endpoint && (r.want.cluster != sl.Cluster || sl.Nameless) {
		return false
	}
	for _, p := range declared(sl.Ports) {
		if r.want.selects(p) {
			return true
		}
	}
	return false
}

// Endpoints yields the endpoints that r names, each with its slice. An endpoint that slices list
// twice is yielded twice.
func (r *Result) Endpoints() iter.Seq2[*Slice, *Endpoint] {
	return func(yield func(*Slice, *Endpoint) bool) {
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
func (r *Result) each(sl *Slice, yield func(*Slice, *Endpoint) bool) bool {
	n, first := len(sl.Endpoints), 0
	if r.start != 0 && n > 0 {
		first = int(r.start / uint64(len(r.slices)) % uint64(n)) // start modulo len(r.slices) chose the first slice
	}
	return r.between(sl, first, n, yield) && r.between(sl, 0, first, yield)
}

// between is each for the endpoints from one place to another.
func (r *Result) between(sl *Slice, from, to int, yield func(*Slice, *Endpoint) bool) bool {
	for i := from; i < to; i++ {
		e := &sl.Endpoints[i]
		if r.want.matches(e) && r.inTopology(sl, i) && !yield(sl, e) {
			return false
		}
	}
	return true
}

func (r *Result) inTopology(sl *Slice, i int) bool {
	return r.want.topology == "" || sl.Zones != nil && sl.Zones[i] == r.want.topology
}

// Rotate makes Endpoints begin anywhere, depending on the number given, and wrap around. An
// answer without room for all endpoints takes the first ones. Those should not be the same
// each time.
func (r *Result) Rotate(by uint64) { r.start = by }

// EndpointCount returns how many endpoints the Service has. r may name fewer.
func (r *Result) EndpointCount() int {
	n := 0
	for _, sl := range r.slices {
		n += len(sl.Endpoints)
	}
	return n
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

// Targets yields what the SRV records of r point to: each endpoint, or cluster IP, with each
// port that r names. It repeats itself where the objects do.
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

// TargetCount returns how many Targets there are, without looking at each: too many if r names
// only some of the endpoints.
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

// Weight is the weight of each SRV record (RFC 2782): an equal share of 100, at least 1.
func (r *Result) Weight() uint16 {
	if !r.want.endpoint && r.want.topology == "" {
		return share(r.TargetCount())
	}
	n := 0
	for range r.Targets() {
		n++
	}
	return share(n)
}

// share returns the weight of one of n equal SRV records.
func share(n int) uint16 { return uint16(max(1, 100/max(1, n))) }
