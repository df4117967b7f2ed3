package zone

import (
	"iter"
	"net/netip"
	"slices"
)

// Names yields the names of a Service that Services yielded, its own and all below it that have
// records, and what Lookup finds there. A name is yielded without the Service's own and ends in
// a dot; the Service's own is empty. Of a name's spellings it is the one that SRV and PTR
// records use. A topology zone without endpoints has no name here, although Lookup widens any
// zone's `prefer` to all endpoints.
func (s *Store) Names(set Set, r Result) iter.Seq2[string, Result] {
	return func(yield func(string, Result) bool) {
		if !yield("", r) || r.What == Alias {
			return
		}
		if !r.portNames(yield) || !r.endpointNames(yield) {
			return
		}
		if s.options.Zonal && set == Local && r.Service.Kind == Headless {
			r.zonalNames(yield)
		}
	}
}

// portNames yields the names of named ports, and reports whether to go on.
func (r Result) portNames(yield func(string, Result) bool) bool {
	var done []request
	for p := range r.ports() {
		at := r
		at.want = request{port: p.Name, protocol: p.Protocol}
		if p.Name == "" || p.Protocol == "" || slices.Contains(done, at.want) {
			continue
		}
		done = append(done, at.want)
		if !yield("_"+p.Name+"._"+p.Protocol+".", at) {
			return false
		}
	}
	return true
}

// ports yields the ports that SRV records come from: the Service's own, or those of slices
// that have endpoints.
func (r Result) ports() iter.Seq[Port] {
	return func(yield func(Port) bool) {
		lists := [][]Port{r.Service.Ports}
		if r.What == ServicePods {
			lists = nil
			for _, sl := range r.slices {
				if len(sl.Endpoints) > 0 {
					lists = append(lists, sl.Ports)
				}
			}
		}
		for _, list := range lists {
			for _, p := range list {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// endpointNames yields the names of endpoints, and reports whether to go on.
func (r Result) endpointNames(yield func(string, Result) bool) bool {
	parts := r.split(func(sl *Slice, i int) string {
		if sl.Nameless {
			return ""
		}
		label := sl.Endpoints[i].Label()
		if sl.Cluster != "" {
			label += "." + sl.Cluster
		}
		return label + "."
	})
	for name, at := range parts.all {
		if !yield(name, r.spelled(at)) {
			return false
		}
	}
	return true
}

// spelled returns what stands at an endpoint's name, at. Where that is a host name that can be
// read as an address, endpoints with this address answer to it, too.
func (r Result) spelled(at Result) Result {
	for sl, e := range at.Endpoints() {
		if e.Host == "" { // the name is the address's own
			return at
		}
		want := request{cluster: sl.Cluster}
		if want.setEndpoint(e.Host); want.addr.IsValid() {
			at.slices, at.shared, at.want = r.slices, true, want
			return at
		}
	}
	return at
}

// zonalNames yields the names of topology zones, and reports whether to go on.
func (r Result) zonalNames(yield func(string, Result) bool) bool {
	parts := r.split(func(sl *Slice, i int) string {
		if sl.Zones == nil {
			return ""
		}
		return sl.Zones[i]
	})
	for zone, at := range parts.all {
		for _, directive := range [...]string{directivePin, directivePrefer} {
			if !yield(zone+"."+directive+"."+labelZonal+".", at) {
				return false
			}
		}
	}
	return true
}

// parts are a Service's endpoints by some name, in the order in which the names came up.
type parts struct {
	names []string
	of    map[string]*Result
}

// split parts the endpoints by the name that the function given tells of one. Those without a
// name are left out.
func (r Result) split(name func(sl *Slice, i int) string) *parts {
	p := &parts{of: map[string]*Result{}}
	for _, sl := range r.slices {
		for i := range sl.Endpoints {
			if n := name(sl, i); n != "" {
				p.add(n, sl, i, r)
			}
		}
	}
	return p
}

func (p *parts) add(name string, sl *Slice, i int, whole Result) {
	part := p.of[name]
	if part == nil {
		part = &Result{Existence: Records, What: ServicePods, Service: whole.Service}
		p.of[name], p.names = part, append(p.names, name)
	}
	last := len(part.slices) - 1
	if last < 0 || part.slices[last].SliceKey != sl.SliceKey {
		part.slices = append(part.slices, &Slice{SliceKey: sl.SliceKey, Service: sl.Service, Cluster: sl.Cluster, Nameless: sl.Nameless, Ports: sl.Ports})
		last++
	}
	own := part.slices[last]
	part.shared = part.shared || len(own.Endpoints) > 0 || last > 0
	own.Endpoints = append(own.Endpoints, sl.Endpoints[i])
}

func (p *parts) all(yield func(string, Result) bool) {
	for _, name := range p.names {
		if !yield(name, *p.of[name]) {
			return
		}
	}
}

// PodNames yields the names of Pods, left of pod.<zone> and with a dot at their end, and their
// addresses: those that `pods verified` serves. There is no list of those that `pods insecure`
// serves.
func (s *Store) PodNames() iter.Seq2[string, netip.Addr] {
	return func(yield func(string, netip.Addr) bool) {
		if s.options.Pods != PodsVerified {
			return
		}
		for key, pods := range s.pods.all {
			addr, done := netip.AddrFrom16(key).Unmap(), []string(nil)
			for _, p := range pods {
				if slices.Contains(done, p.Namespace) || !s.NamespaceExists(p.Namespace) {
					continue
				}
				done = append(done, p.Namespace)
				if !yield(string(appendDashes(nil, addr))+"."+p.Namespace+".", addr) {
					return
				}
			}
		}
	}
}
