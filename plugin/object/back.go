package object

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// The functions below turn records into objects again. A Translator makes the same records of
// these. What no record has is missing in them: a selector, for one, is there, but another one.

// selector stands for any selector.
const selector = "neardns.io/any"

// nameless stands for any id of a cluster that can't be a label.
const nameless = "a.b"

// noProtocol can't be a label. An empty protocol of a ServiceImport would be TCP.
const noProtocol = "-"

// NamespaceOf returns a Namespace of the name given.
func NamespaceOf(name string) *corev1.Namespace {
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}
}

// ServiceOf returns a Service that r is the record of.
func ServiceOf(r *zone.Service) *corev1.Service {
	o := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name},
	}
	s := &o.Spec
	if r.Selector {
		s.Selector = map[string]string{selector: ""}
	}
	switch r.Kind {
	case zone.ExternalName:
		s.Type, s.ExternalName = corev1.ServiceTypeExternalName, r.Target
		return o
	case zone.Headless:
		s.ClusterIPs = []string{corev1.ClusterIPNone}
	default:
		s.ClusterIPs = texts(r.Addrs)
	}
	if len(s.ClusterIPs) == 0 {
		s.ClusterIPs = []string{""}
	}
	s.Type, s.ClusterIP = corev1.ServiceTypeClusterIP, s.ClusterIPs[0]
	for _, p := range r.Ports {
		s.Ports = append(s.Ports, corev1.ServicePort{Name: p.Name, Protocol: protocol(p), Port: int32(p.Number)})
	}
	return o
}

// ImportOf returns a ServiceImport that r is the record of.
func ImportOf(r *zone.Service) *mcs.ServiceImport {
	o := &mcs.ServiceImport{
		TypeMeta:   metav1.TypeMeta{APIVersion: mcs.GroupVersion.String(), Kind: "ServiceImport"},
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name},
		Spec:       mcs.ServiceImportSpec{Type: mcs.ClusterSetIP, IPs: texts(r.Addrs)},
	}
	if r.Kind == zone.Headless {
		o.Spec.Type = mcs.Headless
	}
	for _, p := range r.Ports {
		o.Spec.Ports = append(o.Spec.Ports, mcs.ServicePort{Name: p.Name, Protocol: cmp.Or(protocol(p), noProtocol), Port: int32(p.Number)})
	}
	return o
}

// SliceOf returns an EndpointSlice that r is the record of, in a set.
func SliceOf(set zone.Set, r *zone.Slice) *discoveryv1.EndpointSlice {
	o := &discoveryv1.EndpointSlice{
		TypeMeta:    metav1.TypeMeta{APIVersion: discoveryv1.SchemeGroupVersion.String(), Kind: "EndpointSlice"},
		ObjectMeta:  metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name, Labels: sliceLabels(set, r)},
		AddressType: addressType(r),
		Endpoints:   appendEndpoints(nil, r, discoveryv1.EndpointConditions{}),
		Ports:       make([]discoveryv1.EndpointPort, len(r.Ports)),
	}
	missing := int(max(r.NotReady[0], r.NotReady[1]))
	if r.Serving != nil {
		serving := appendEndpoints(nil, r.Serving, discoveryv1.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)})
		serving = atMost(missing, serving)
		o.Endpoints, missing = append(o.Endpoints, serving...), missing-len(serving)
	}
	for range missing { // nothing else is known of these
		o.Endpoints = append(o.Endpoints, discoveryv1.Endpoint{Addresses: []string{}, Conditions: discoveryv1.EndpointConditions{Ready: new(false)}})
	}
	for i, p := range r.Ports {
		o.Ports[i] = discoveryv1.EndpointPort{Name: &r.Ports[i].Name, Protocol: new(protocol(p))}
		if p.Number > 0 {
			o.Ports[i].Port = new(int32(p.Number))
		}
	}
	return o
}

func addressType(r *zone.Slice) discoveryv1.AddressType {
	if r.NotReady[1] > 0 || len(r.Endpoints) > 0 && r.Endpoints[0].Addr.Is6() {
		return discoveryv1.AddressTypeIPv6
	}
	return discoveryv1.AddressTypeIPv4
}

// appendEndpoints appends the endpoints of r, each with these conditions.
func appendEndpoints(list []discoveryv1.Endpoint, r *zone.Slice, conditions discoveryv1.EndpointConditions) []discoveryv1.Endpoint {
	list = slices.Grow(list, len(r.Endpoints))
	for i := range r.Endpoints {
		e := discoveryv1.Endpoint{
			Addresses: []string{r.Endpoints[i].Addr.String()}, Hostname: pointer(r.Endpoints[i].Host), Conditions: conditions,
		}
		if r.Zones != nil {
			e.Zone = pointer(r.Zones[i])
		}
		list = append(list, e)
	}
	return list
}

// atMost joins endpoints until there are n: one may have several addresses.
func atMost(n int, list []discoveryv1.Endpoint) []discoveryv1.Endpoint {
	for i := len(list) - 1; i > 0 && len(list) > n; i-- {
		one := list[i]
		j := slices.IndexFunc(list[:i], func(e discoveryv1.Endpoint) bool {
			return value(e.Hostname) == value(one.Hostname) && value(e.Zone) == value(one.Zone)
		})
		if j >= 0 {
			list[j].Addresses = append(list[j].Addresses, one.Addresses...)
			list = slices.Delete(list, i, i+1)
		}
	}
	return list
}

func sliceLabels(set zone.Set, r *zone.Slice) map[string]string {
	if set == zone.Local {
		return map[string]string{discoveryv1.LabelServiceName: r.Service.Name}
	}
	labels := map[string]string{mcs.LabelServiceName: r.Service.Name, mcs.LabelSourceCluster: r.Cluster}
	if r.Nameless {
		labels[mcs.LabelSourceCluster] = nameless
	}
	return labels
}

// PodOf returns a Pod that r is the record of.
func PodOf(r *zone.Pod) *corev1.Pod {
	o := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name},
		Status:     corev1.PodStatus{PodIP: r.Addrs[0].String()},
	}
	for _, a := range r.Addrs {
		o.Status.PodIPs = append(o.Status.PodIPs, corev1.PodIP{IP: a.String()})
	}
	if len(r.Labels) > 0 {
		o.Labels = make(map[string]string, len(r.Labels))
	}
	for _, l := range r.Labels {
		o.Labels[l.Key] = l.Value
	}
	return o
}

// protocol returns the port's protocol as the API spells it.
func protocol(p zone.Port) corev1.Protocol { return corev1.Protocol(strings.ToUpper(p.Protocol)) }

func texts(addrs []netip.Addr) (list []string) {
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return list
}

// pointer returns a pointer to s, or nil if that is empty.
func pointer(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
