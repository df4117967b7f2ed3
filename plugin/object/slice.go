package object

import (
	"fmt"
	"strings"

	"github.com/neardns/neardns/plugin/zone"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// Slice translates an EndpointSlice of the cluster's own (KEP-752). It returns nil if the
// slice belongs to no Service, or holds names rather than addresses.
func (t *Translator) Slice(o *discoveryv1.EndpointSlice) *zone.Slice {
	r := t.slice(o, discoveryv1.LabelServiceName)
	if r != nil {
		subject{t, "EndpointSlice", &o.ObjectMeta}.measureSlice(r, t.Local)
	}
	return r
}

// ImportedSlice translates an EndpointSlice that was imported for a ServiceImport
// (KEP-1645). It returns nil where Slice does.
func (t *Translator) ImportedSlice(o *discoveryv1.EndpointSlice) *zone.Slice {
	r := t.slice(o, mcs.LabelServiceName)
	if r != nil {
		s := subject{t, "EndpointSlice", &o.ObjectMeta}
		s.setCluster(r, o.Labels[mcs.LabelSourceCluster])
		if r.Serving != nil {
			r.Serving.Cluster, r.Serving.Nameless = r.Cluster, r.Nameless
		}
		s.measureSlice(r, t.Imported)
	}
	return r
}

// setCluster puts the endpoints' names below a cluster's id. If the id can't be a label (the API
// allows dots in it), the endpoints have no names of their own.
func (s subject) setCluster(r *zone.Slice, id string) {
	if id != "" && (!isName(id) || strings.Contains(id, ".")) {
		s.skip("metadata.labels["+mcs.LabelSourceCluster+"]", "%.80q is not a DNS label, so that its endpoints have no names of their own", id)
		r.Nameless = true
		return
	}
	r.Cluster = intern(id)
}

// slice translates an EndpointSlice. Its Service is the value of the label given.
func (t *Translator) slice(o *discoveryv1.EndpointSlice, label string) (r *zone.Slice) {
	value, ok := o.Labels[label]
	if !ok {
		return nil
	}
	s := subject{t, "EndpointSlice", &o.ObjectMeta}
	defer recovered(s, &r)
	service, ok := s.label("metadata.labels["+label+"]", value)
	if !ok {
		return nil
	}
	if o.AddressType == discoveryv1.AddressTypeFQDN {
		s.skip("addressType", "endpoints that are names have no records")
		return nil
	}
	namespace := intern(o.Namespace)
	r = &zone.Slice{
		SliceKey: zone.SliceKey{Namespace: namespace, Name: strings.ToLower(o.Name)},
		Service:  zone.Key{Namespace: namespace, Name: share(service)},
		Ports:    s.slicePorts(o.Ports),
	}
	r.Endpoints, r.Zones = s.endpoints(o.Endpoints, ready)
	family := 0
	if o.AddressType == discoveryv1.AddressTypeIPv6 {
		family = 1
	}
	r.NotReady[family] = int32(len(o.Endpoints) - count(o.Endpoints, ready))
	if s.Serving && count(o.Endpoints, lastServing) > 0 {
		serving := *r
		serving.Endpoints, serving.Zones = s.endpoints(o.Endpoints, lastServing)
		r.Serving = &serving
	}
	return r
}

// endpoints translates the endpoints that are of a kind and, with Zonal, their topology zones.
func (s subject) endpoints(list []discoveryv1.Endpoint, of func(*discoveryv1.Endpoint) bool) ([]zone.Endpoint, []string) {
	n := count(list, of)
	endpoints := make([]zone.Endpoint, 0, n)
	var zones []string
	if s.Zonal {
		zones = make([]string, 0, n)
	}
	for i := range list {
		if !of(&list[i]) {
			continue
		}
		host := s.host(i, &list[i])
		for j, text := range list[i].Addresses {
			addr, ok := parseAddr(text)
			if !ok {
				s.notAddr(fmt.Sprintf("endpoints[%d].addresses[%d]", i, j), text)
				continue
			}
			endpoints = append(endpoints, zone.Endpoint{Addr: addr, Host: host})
			if s.Zonal {
				zones = append(zones, s.topology(i, value(list[i].Zone)))
			}
		}
	}
	endpoints, zones = fit(endpoints), fit(zones)
	zone.SortEndpoints(endpoints, zones)
	return endpoints, zones
}

// topology returns the endpoint's zone, or "" if that can't stand in a name.
func (s subject) topology(i int, zone string) string {
	if zone != "" && !isName(zone) {
		s.skip(fmt.Sprintf("endpoints[%d].zone", i), "%.80q is not a name", zone)
		return ""
	}
	return intern(zone)
}

// host returns the endpoint's label below its Service's name, or "" for its dashed address.
func (s subject) host(i int, e *discoveryv1.Endpoint) string {
	if host := value(e.Hostname); host != "" {
		if isLabel(host) {
			return host
		}
		if host, ok := s.label(fmt.Sprintf("endpoints[%d].hostname", i), host); ok {
			return host
		}
	}
	// A Pod's name may have dots or be too long for a label. That is not worth a report.
	if s.PodNames && e.TargetRef != nil && isLabel(e.TargetRef.Name) {
		return e.TargetRef.Name
	}
	return ""
}

// ready reports whether DNS serves the endpoint. An unknown state counts as ready, as the API's
// description of the condition demands.
func ready(e *discoveryv1.Endpoint) bool {
	return e.Conditions.Ready == nil || *e.Conditions.Ready
}

// lastServing reports whether the endpoint takes traffic though it terminates. Kube-proxy sends some there
// while no endpoint is ready (KEP-1669). An unknown state counts as the API's description says.
func lastServing(e *discoveryv1.Endpoint) bool {
	c := &e.Conditions
	return !ready(e) && (c.Serving == nil || *c.Serving) && value(c.Terminating)
}

// count counts the endpoints that are of a kind.
func count(list []discoveryv1.Endpoint, of func(*discoveryv1.Endpoint) bool) (n int) {
	for i := range list {
		if of(&list[i]) {
			n++
		}
	}
	return n
}

// slicePorts translates a slice's ports. It keeps a port without a number: its name exists, but has
// no SRV record.
func (s subject) slicePorts(list []discoveryv1.EndpointPort) []zone.Port {
	out := make([]zone.Port, 0, len(list))
	for i, p := range list {
		var port zone.Port
		port.Name, port.Protocol = s.portLabels("ports", i, value(p.Name), string(value(p.Protocol)))
		if p.Port != nil {
			if *p.Port < 1 || *p.Port > 65535 {
				s.skip(fmt.Sprintf("ports[%d]", i), "%d is not a port number", *p.Port)
				continue
			}
			port.Number = uint16(*p.Port)
		}
		out = append(out, port)
	}
	return fit(out)
}

// value returns what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
