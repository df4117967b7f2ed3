// Package world makes random clusters: objects that are legal one by one and
// odd together, as real clusters are on a bad day and as a resolver's corner
// cases need.
package world

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neardns/neardns/test/differential/api"
)

// Names of things outside the cluster that its ExternalNames point at.
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

	// Local are this machine's addresses that endpoints may carry, so that a
	// DNS server finds itself among the endpoints.
	Local []netip.Addr

	rand    *rand.Rand
	pool    []netip.Addr // addresses of endpoints and pods, few so that they repeat
	far     []netip.Addr // the same for slices that no local Service has
	nextIP  int          // ClusterIPs handed out so far
	ordinal int          // slices and pods named so far
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

// chance is true in percent of 100 cases.
func (w *World) chance(percent int) bool { return w.rand.IntN(100) < percent }

// pick chooses one of several.
func pick[T any](w *World, from ...T) T { return from[w.rand.IntN(len(from))] }

// some chooses n different ones of several.
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

// Headless tells whether a Service has no address of its own.
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

// Ready tells whether an endpoint is to be in answers: unknown counts as ready.
func Ready(e discoveryv1.Endpoint) bool {
	return e.Conditions.Ready == nil || *e.Conditions.Ready
}
