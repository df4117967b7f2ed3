package zone

import (
	"iter"
	"slices"
)

// portNames yields the names of named ports, and reports whether to go on.
func (r Result) portNames(yield func(string, Result) bool) bool {
	var done []portName
	for p := range r.ports() {
		name := portName{p.Name, p.Protocol}
		if p.Name == "" || p.Protocol == "" || slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		at := r
		at.want = selection{portName: name}
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

// spelled returns what stands at the name of an endpoint, given the endpoints that have exactly
// this name. If the name is a host name that also spells an address, the endpoints with that
// address answer to it, too.
func (r Result) spelled(at Result) Result {
	for sl, e := range at.Endpoints() {
		if e.Host == "" { // the name is the address's own
			return at
		}
		if d := parseDashed(e.Host); d.addr.IsValid() {
			at.slices, at.shared = r.slices, true
			at.want = selection{endpoint: true, host: e.Host, addr: d.addr, cluster: sl.Cluster}
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

// parts are a Service's endpoints, grouped by some name, in the order in which the names came up.
type parts struct {
	names []string
	of    map[string]*Result
}

// split groups the endpoints by the name that the given function returns for each. It leaves out
// those for which that is "".
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
