package world

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
)

// addSlices gives a Service up to three slices. Often their addresses are also
// in its other slices, or in another Service's.
func (w *World) addSlices(s *corev1.Service) {
	for range pick(w, 0, 1, 1, 2, 2, 3) {
		slice := w.slice(s.Namespace, w.pool, w.rand.IntN(5))
		slice.Labels[discoveryv1.LabelServiceName] = s.Name
	}
}

// slice makes a slice of a random family with n endpoints of a pool.
func (w *World) slice(namespace string, pool []netip.Addr, n int) *discoveryv1.EndpointSlice {
	six := w.chance(35)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  w.meta(namespace, w.unique("slice")),
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       w.slicePorts(),
	}
	if six {
		slice.AddressType = discoveryv1.AddressTypeIPv6
	}
	for range n {
		slice.Endpoints = append(slice.Endpoints, w.endpoint(pool, six))
	}
	if n > 0 && w.chance(15) {
		again := slice.Endpoints[0]
		again.Hostname = ptr.To("again")
		again.Conditions.Ready = nil
		slice.Endpoints = append(slice.Endpoints, again)
	}
	w.Slices = append(w.Slices, slice)
	return slice
}

func (w *World) endpoint(pool []netip.Addr, six bool) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{Addresses: []string{w.address(pool, six).String()}}
	if w.chance(5) {
		e.Addresses = append(e.Addresses, w.address(pool, six).String())
	}
	e.Conditions = pick(w,
		discoveryv1.EndpointConditions{},
		discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true)},
		discoveryv1.EndpointConditions{Ready: ptr.To(false)},
		discoveryv1.EndpointConditions{Ready: ptr.To(false), Serving: ptr.To(true), Terminating: ptr.To(true)},
		discoveryv1.EndpointConditions{Serving: ptr.To(false)},
	)
	if w.chance(35) {
		e.Hostname = ptr.To(pick(w, hostnames()...))
	}
	if w.chance(60) {
		e.Zone = ptr.To(pick(w, zoneNames()...))
	}
	if w.chance(60) {
		e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: w.podName()}
	}
	if w.chance(30) {
		e.NodeName = ptr.To("node-1")
	}
	return e
}

// podName returns a Pod's name, which may be too long for a label.
func (w *World) podName() string {
	return pick(w, w.unique("pod"), w.unique("pod"), w.unique("pod"), "web-0", long(), long()+"z")
}

// slicePorts returns ports in one of the many forms that they have.
func (w *World) slicePorts() []discoveryv1.EndpointPort {
	tcp, udp, sctp := ptr.To(corev1.ProtocolTCP), ptr.To(corev1.ProtocolUDP), ptr.To(corev1.ProtocolSCTP)
	port := func(name string, number int32, protocol *corev1.Protocol) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: ptr.To(name), Port: ptr.To(number), Protocol: protocol}
	}
	return pick(w,
		nil,
		[]discoveryv1.EndpointPort{},
		[]discoveryv1.EndpointPort{{}},
		[]discoveryv1.EndpointPort{{Port: ptr.To[int32](80), Protocol: tcp}},
		[]discoveryv1.EndpointPort{{Name: ptr.To("http"), Protocol: tcp}},
		[]discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](80)}},
		[]discoveryv1.EndpointPort{port("", 80, tcp)},
		[]discoveryv1.EndpointPort{port("http", 8080, tcp)},
		[]discoveryv1.EndpointPort{port("http", 8080, tcp)},
		[]discoveryv1.EndpointPort{port("http", 8080, tcp), port("https", 8443, tcp)},
		[]discoveryv1.EndpointPort{port("dns", 53, udp), port("dns-tcp", 53, tcp)},
		[]discoveryv1.EndpointPort{port("dns", 53, udp), port("dns", 53, tcp)},
		[]discoveryv1.EndpointPort{port("a", 80, tcp), port("b", 80, tcp)},
		[]discoveryv1.EndpointPort{port("zone", 9, sctp), port("pin", 65535, udp)},
	)
}

// addStraySlices makes slices that belong to no Service that has endpoints.
func (w *World) addStraySlices() {
	for _, ns := range w.Namespaces {
		w.slice(ns.Name, w.far, 1)
		gone := w.slice(ns.Name, w.pool, 2)
		gone.Labels[discoveryv1.LabelServiceName] = "gone"
	}
	for _, s := range w.Services {
		if s.Spec.Type == corev1.ServiceTypeExternalName && w.chance(30) {
			w.addSlices(s)
		}
	}
}
