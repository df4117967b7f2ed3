package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/neardns/neardns/test/differential/world"
)

// pointers are what the PTR records of an address name: one of the Services
// that have it, or else all endpoints that do.
type pointers struct {
	services  []string
	endpoints []string
}

// addPointers gathers the addresses whose names resolve: those of Services in
// exposed namespaces and of the endpoints of such Services.
func (v *view) addPointers() {
	v.pointers, v.above, v.held = map[string]pointers{}, map[string]bool{}, map[string]int{}
	for _, all := range v.slices {
		each(all, func(_ *discoveryv1.EndpointSlice, _ discoveryv1.Endpoint, address string) {
			for parent := up(arpa(address)); parent != "."; parent = up(parent) {
				v.held[parent]++
			}
		})
	}
	for k, s := range v.services {
		if !v.exposed[k.namespace] || s.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		if v.o.ignoreEmpty && !world.Headless(s) && !ready(v.slices[k]) {
			continue
		}
		name := k.name + "." + k.namespace + ".svc." + under(v.o.primary())
		if !world.Headless(s) {
			for _, ip := range world.ClusterIPs(s) {
				v.point(ip, func(p *pointers) { p.services = append(p.services, name) })
			}
		}
		each(v.slices[k], func(_ *discoveryv1.EndpointSlice, e discoveryv1.Endpoint, address string) {
			v.point(address, func(p *pointers) { p.endpoints = append(p.endpoints, v.label(e, address)+"."+name) })
		})
	}
}

func (v *view) point(address string, change func(*pointers)) {
	name := arpa(address)
	p := v.pointers[name]
	change(&p)
	v.pointers[name] = p
	for parent := name; parent != "."; parent = up(parent) {
		v.above[parent] = parent != name || v.above[parent]
	}
}

// up is a name without its first label.
func up(name string) string {
	at, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[at:]
}

// empty tells whether a name has no records of its own and names below it that
// have.
func (v *view) empty(name string) bool {
	name = strings.ToLower(name)
	zone := v.o.zone(name)
	base := v.base(name)
	switch {
	case len(base) == 0:
		return false
	case slices.Equal(base, []string{"dns"}):
		return true
	case reverse(name):
		return v.above[name]
	case len(base) < 4 || base[len(base)-1] != "svc" || !v.exposed[base[len(base)-2]]:
		return false
	}
	k := key{base[len(base)-2], base[len(base)-3]}
	if v.o.imported(zone) {
		return v.emptyImport(k, base[:len(base)-3])
	}
	return v.emptyService(k, base[:len(base)-3])
}

func (v *view) emptyService(k key, above []string) bool {
	s := v.services[k]
	if s == nil || s.Spec.Type == corev1.ServiceTypeExternalName {
		return false
	}
	headless := world.Headless(s)
	if v.o.zonal && headless && zonal(above) {
		return true
	}
	if len(above) != 1 || (!headless && v.o.ignoreEmpty && !ready(v.slices[k])) {
		return false
	}
	if headless {
		return slicesSpeak(v.slices[k], above[0])
	}
	for _, p := range s.Spec.Ports {
		if p.Name != "" && speaks(above[0], string(p.Protocol)) {
			return true
		}
	}
	return false
}

// zonal tells whether labels lead up to a topology zone's.
func zonal(labels []string) bool {
	return slices.Equal(labels, []string{"_zone"}) || slices.Equal(labels, []string{"pin", "_zone"}) ||
		slices.Equal(labels, []string{"prefer", "_zone"})
}

func (v *view) emptyImport(k key, above []string) bool {
	i := v.imports[k]
	if i == nil || len(above) != 1 {
		return false
	}
	cluster := false
	for _, s := range v.foreign[k] {
		cluster = cluster || s.Labels["multicluster.kubernetes.io/source-cluster"] == above[0] && ready([]*discoveryv1.EndpointSlice{s})
	}
	headless := i.Spec.Type == "Headless"
	if !headless && v.o.ignoreEmpty && !ready(v.foreign[k]) {
		return false
	}
	if cluster || headless {
		return cluster || slicesSpeak(v.foreign[k], above[0])
	}
	for _, p := range i.Spec.Ports {
		if p.Name != "" && speaks(above[0], string(p.Protocol)) {
			return true
		}
	}
	return false
}

// ready tells whether slices have an endpoint to answer with.
func ready(slices []*discoveryv1.EndpointSlice) bool {
	found := false
	each(slices, func(*discoveryv1.EndpointSlice, discoveryv1.Endpoint, string) { found = true })
	return found
}

// slicesSpeak tells whether a label is the protocol of a named port that has
// an endpoint.
func slicesSpeak(all []*discoveryv1.EndpointSlice, label string) bool {
	found := false
	each(all, func(s *discoveryv1.EndpointSlice, _ discoveryv1.Endpoint, _ string) {
		for _, p := range s.Ports {
			named := p.Name != nil && *p.Name != "" && p.Protocol != nil
			found = found || named && speaks(label, string(*p.Protocol))
		}
	})
	return found
}

// speaks tells whether a label is a protocol, with an underscore or without.
func speaks(label, protocol string) bool {
	return protocol != "" && strings.TrimPrefix(label, "_") == strings.ToLower(protocol)
}
