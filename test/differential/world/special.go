package world

import (
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// addBig makes a headless Service whose answers do not fit in a datagram.
func (w *World) addBig(namespace string) {
	s := &corev1.Service{ObjectMeta: w.meta(namespace, "big")}
	w.Services = append(w.Services, s)
	w.headless(s)
	slice := w.slice(namespace, w.pool, 0)
	slice.Labels[discoveryv1.LabelServiceName] = s.Name
	slice.AddressType = discoveryv1.AddressTypeIPv4
	slice.Ports = []discoveryv1.EndpointPort{
		{Name: ptr.To("http"), Port: ptr.To[int32](80), Protocol: ptr.To(corev1.ProtocolTCP)},
	}
	for i := range 120 {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{fmt.Sprintf("10.245.0.%d", i+1)},
			Zone:      ptr.To(pick(w, zoneNames()...)),
		})
	}
}

// addNameServer puts this machine among the endpoints of some Services, as a
// DNS server in the cluster would be, or of none.
func (w *World) addNameServer() {
	for range pick(w, 0, 1, 2, 3) {
		s := pick(w, w.Services...)
		if s.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		for _, local := range w.Local {
			if w.chance(25) {
				continue
			}
			slice := w.slice(s.Namespace, w.pool, 0)
			slice.Labels[discoveryv1.LabelServiceName] = s.Name
			slice.Endpoints = []discoveryv1.Endpoint{w.self(slice, local)}
		}
	}
}

func (w *World) self(slice *discoveryv1.EndpointSlice, local netip.Addr) discoveryv1.Endpoint {
	slice.AddressType = discoveryv1.AddressTypeIPv4
	if local.Is6() {
		slice.AddressType = discoveryv1.AddressTypeIPv6
	}
	e := w.endpoint(w.pool, local.Is6())
	e.Addresses = []string{local.String()}
	e.Conditions.Ready = ptr.To(w.chance(85))
	return e
}

// addPods makes Pods of every phase, some on the addresses of others as those
// on the host's network are.
func (w *World) addPods() {
	for _, namespace := range w.NamespaceNames() {
		for range w.rand.IntN(5) {
			w.addPod(namespace)
		}
	}
}

func (w *World) addPod(namespace string) {
	p := &corev1.Pod{ObjectMeta: w.meta(namespace, w.unique("pod"))}
	p.Status.Phase = pick(w, corev1.PodRunning, corev1.PodRunning, corev1.PodRunning,
		corev1.PodPending, corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown)
	p.Spec.HostNetwork = w.chance(10)
	switch w.rand.IntN(10) {
	case 0:
	case 1, 2:
		p.Status.PodIPs = []corev1.PodIP{{IP: w.address(w.pool, false).String()}, {IP: w.address(w.pool, true).String()}}
	case 3, 4:
		p.Status.PodIPs = []corev1.PodIP{{IP: w.address(w.pool, true).String()}}
	default:
		p.Status.PodIPs = []corev1.PodIP{{IP: w.address(w.pool, false).String()}}
	}
	if len(p.Status.PodIPs) > 0 {
		p.Status.PodIP = p.Status.PodIPs[0].IP
	}
	if w.chance(10) {
		p.DeletionTimestamp = ptr.To(metav1.NewTime(time.Unix(1700000000, 0)))
	}
	w.Pods = append(w.Pods, p)
}
