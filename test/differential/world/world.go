// Package world makes random clusters: objects that are legal one by one and odd
// together, as in a real cluster on a bad day, so that every corner case of a DNS
// server comes up.
package world

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/neardns/neardns/test/differential/api"
)

// The zones of a World.
const (
	// Zone is the cluster's own zone.
	Zone = "cluster.local."
	// ClusterSet is the zone of imported Services.
	ClusterSet = "clusterset.local."
	// Outside is a zone that the servers get from a file.
	Outside = "outside.test."
)

// World is a random cluster.
type World struct {
	api.Objects

	// Local are addresses of this machine. Endpoints may have them, so that a
	// DNS server finds itself among the endpoints.
	Local []netip.Addr

	rand    *rand.Rand
	pool    []netip.Addr // addresses of endpoints and Pods; few, so that they repeat
	far     []netip.Addr // the same for slices that no local Service has
	nextIP  int          // ClusterIPs handed out so far
	ordinal int          // names given to slices and Pods so far
}

// New makes the cluster of a seed.
func New(seed, number uint64, local []netip.Addr) *World {
	w := &World{Local: local, rand: rand.New(rand.NewPCG(seed, number))}
	w.addPool()
	w.addNamespaces()
	w.addServices()
	w.addStraySlices()
	w.addNameServer()
	w.addPods()
	w.addImports()
	return w
}

// chance returns true in so many cases of 100.
func (w *World) chance(percent int) bool { return w.rand.IntN(100) < percent }

// pick chooses one of several.
func pick[T any](w *World, from ...T) T { return from[w.rand.IntN(len(from))] }

// some chooses n of several, all different.
func some[T any](w *World, n int, from ...T) []T {
	chosen := make([]T, 0, n)
	for _, i := range w.rand.Perm(len(from))[:min(n, len(from))] {
		chosen = append(chosen, from[i])
	}
	return chosen
}

func (w *World) meta(namespace, name string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{}}
	if w.chance(70) {
		m.Labels["tier"] = pick(w, "front", "back", "data")
	}
	return m
}

// unique makes a name that no other object has.
func (w *World) unique(prefix string) string {
	w.ordinal++
	return fmt.Sprintf("%s-%d", prefix, w.ordinal)
}

// NamespaceNames are the namespaces that objects are in, whether or not there
// is a Namespace object for them.
func (w *World) NamespaceNames() []string {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, ns := range w.Namespaces {
		add(ns.Name)
	}
	for _, s := range w.Services {
		add(s.Namespace)
	}
	for _, s := range w.Slices {
		add(s.Namespace)
	}
	for _, i := range w.Imports {
		add(i.Namespace)
	}
	return names
}

// Headless reports whether a Service has no address of its own.
func Headless(s *corev1.Service) bool {
	ips := ClusterIPs(s)
	return len(ips) > 0 && ips[0] == corev1.ClusterIPNone
}

// ClusterIPs are a Service's own addresses, or None.
func ClusterIPs(s *corev1.Service) []string {
	if len(s.Spec.ClusterIPs) > 0 {
		return s.Spec.ClusterIPs
	}
	return []string{s.Spec.ClusterIP}
}

// Ready reports whether an endpoint should be in answers: unknown counts as ready.
func Ready(e discoveryv1.Endpoint) bool {
	return e.Conditions.Ready == nil || *e.Conditions.Ready
}

// long is a label as long as labels may be.
func long() string { return strings.Repeat("x", 63) }

// namespaceNames are names that a resolver could take for something else.
func namespaceNames() []string {
	return []string{
		"default", "kube-system", "svc", "pod", "dns", "ns", "a", "b", "team-1",
		"in-addr", "cluster", "local", "tcp", "0", "1-2-3-4",
	}
}

// serviceNames are names that a resolver could take for something else. They may begin with a
// digit (KEP-5311).
func serviceNames() []string {
	return []string{
		"web", "db", "svc", "pod", "tcp", "udp", "pin", "prefer", "zone", "dns-version",
		"ns", "dns", "api", "cache", "cluster-a", "hostmaster", "a", "http", "web-0",
		"ip-10-96-0-1", "in-addr", "east", long(),
		"0", "9lives", "53", "1-2-3-4", "10-244-0-1", "fd00--1", "2001-db8--5", "1--0", "1-tcp",
	}
}

func hostnames() []string {
	return []string{"web-0", "web-1", "a", "svc", "tcp", "pin", "db-0", "http", "zone", "0", "10-244-0-1", "1--0", "h-" + strings.Repeat("y", 61)}
}

// zoneNames are topology zones: they may have dots and capitals.
func zoneNames() []string {
	return []string{"east-1a", "East-1B", "corp.example.com", "eu.West.1", "x"}
}

// addPool makes the few addresses that Pods and endpoints share. Among them is
// each form of IPv6 text: with :: at the start, at the end, in between, and none.
func (w *World) addPool() {
	for i := range 18 {
		text := fmt.Sprintf("10.244.%d.%d", w.rand.IntN(3), i+1)
		w.pool = append(w.pool, netip.MustParseAddr(text))
	}
	for i := range 6 {
		text := fmt.Sprintf("fd00:10:244:%x::%x", w.rand.IntN(3), i+1)
		w.pool = append(w.pool, netip.MustParseAddr(text))
	}
	for _, text := range []string{
		"172.16.0.1", "192.168.1.255", "0.0.0.1", "fd00:10:244::", "::5", "2001:db8:1:2:3:4:5:6",
		"2001:db8:0:1:1:1:1:1", "fd00::a:0:0:b", "fe80::1",
	} {
		w.pool = append(w.pool, netip.MustParseAddr(text))
	}
	for _, text := range []string{"10.250.0.1", "fd00:10:250::1"} {
		w.far = append(w.far, netip.MustParseAddr(text))
	}
}

// clusterIP returns a new Service address, or now and then one that is taken.
func (w *World) clusterIP(family corev1.IPFamily) string {
	n := w.nextIP + 1
	if w.nextIP > 0 && w.chance(8) {
		n = w.rand.IntN(w.nextIP) + 1
	} else {
		w.nextIP++
	}
	if family == corev1.IPv6Protocol {
		return netip.MustParseAddr(fmt.Sprintf("fd00:10:96::%x", n*257)).String()
	}
	return netip.AddrFrom4([4]byte{10, 96 + byte(n%2), byte(n / 16), byte(n)}).String()
}

// address picks from a pool by family.
func (w *World) address(pool []netip.Addr, six bool) netip.Addr {
	for {
		if a := pick(w, pool...); a.Is6() == six {
			return a
		}
	}
}

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

// addNameServer puts this machine among the endpoints of some Services, or none,
// as if it were a DNS server in the cluster.
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

// addPods makes Pods in every phase. Some share an address, as Pods on the host's
// network do.
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

// Local returns this machine's own addresses except those of loopback. A DNS server looks for
// them among the endpoints.
func Local() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("this machine's addresses: %w", err)
	}
	var local []netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a, err)
		}
		if !prefix.Addr().IsLoopback() {
			local = append(local, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return local, nil
}
