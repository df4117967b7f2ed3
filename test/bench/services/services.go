// Package services is the measured cluster: 6,000 Services with 100,000 endpoints.
package services

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// What there is of each kind.
const (
	Namespaces         = 100
	Headless           = 1000
	HeadlessEndpoints  = 50 // of each
	ClusterIP          = 5000
	ClusterIPEndpoints = 10 // of each
)

// Namespace returns the namespace of the i-th Service of either kind.
func Namespace(i int) string { return fmt.Sprintf("team-%d", i%Namespaces) }

// HeadlessName returns the name of the i-th headless Service.
func HeadlessName(i int) string { return fmt.Sprintf("headless-%d", i) }

// ClusterIPName returns the name of the i-th Service with a ClusterIP.
func ClusterIPName(i int) string { return fmt.Sprintf("service-%d", i) }

// HeadlessAddress returns the number of the address of the first endpoint of the i-th headless
// Service; see IP. The others follow.
func HeadlessAddress(i int) int { return 10<<24 | 1<<20 | i*HeadlessEndpoints }

// ClusterIPAddress is HeadlessAddress for a Service with a ClusterIP.
func ClusterIPAddress(i int) int { return 10<<24 | i*ClusterIPEndpoints }

// Load fills the cluster, with 16 requests under way at a time.
func Load(ctx context.Context, c kubernetes.Interface) error {
	for i := range Namespaces {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace(i)}}
		if _, err := c.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating namespace: %w", err)
		}
	}
	if err := Each(Headless, func(i int) error {
		return create(ctx, c, HeadlessName(i), i, true)
	}); err != nil {
		return err
	}
	return Each(ClusterIP, func(i int) error {
		return create(ctx, c, ClusterIPName(i), i, false)
	})
}

// Each calls f for 0 to n-1, from 16 goroutines, and returns the first error.
func Each(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				if err := f(i); err != nil {
					once.Do(func() { first = err })
					return
				}
			}
		})
	}
	wg.Wait()
	return first
}

// create creates a Service and its one EndpointSlice.
func create(ctx context.Context, c kubernetes.Interface, name string, i int, headless bool) error {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace(i), Labels: map[string]string{"app.kubernetes.io/name": name}},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	base, endpoints := ClusterIPAddress(i), ClusterIPEndpoints
	if headless {
		svc.Spec.ClusterIP = corev1.ClusterIPNone
		base, endpoints = HeadlessAddress(i), HeadlessEndpoints
	}
	if _, err := c.CoreV1().Services(svc.Namespace).Create(ctx, svc, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating Service: %w", err)
	}
	slice := NewSlice(svc.Namespace, name, name+"-1", base, endpoints, headless && i%2 == 0)
	if _, err := c.DiscoveryV1().EndpointSlices(svc.Namespace).Create(ctx, slice, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating EndpointSlice: %w", err)
	}
	return nil
}

// NewSlice returns a slice as the EndpointSlice controller writes it, with addresses that
// count up from base. Endpoints of a StatefulSet have host names.
func NewSlice(namespace, service, name string, base, endpoints int, statefulSet bool) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{
			discoveryv1.LabelServiceName: service,
			discoveryv1.LabelManagedBy:   "bench",
		}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(80)), Protocol: new(corev1.ProtocolTCP)}},
	}
	for i := range endpoints {
		e := discoveryv1.Endpoint{
			Addresses:  []string{IP(base + i)},
			Conditions: discoveryv1.EndpointConditions{Ready: new(true), Serving: new(true), Terminating: new(false)},
			NodeName:   new(fmt.Sprintf("ip-10-1-%d-%d.eu-west-1.compute.internal", i/256, i%256)),
			Zone:       new(fmt.Sprintf("eu-west-1%c", 'a'+i%3)),
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: fmt.Sprintf("%s-7d4b9c6f5b-%05d", service, i), UID: "01234567-89ab-cdef-0123-456789abcdef"},
		}
		if statefulSet {
			e.Hostname = new(fmt.Sprintf("%s-%d", service, i))
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

// IP returns the address with the number n.
func IP(n int) string {
	return fmt.Sprintf("%d.%d.%d.%d", n>>24&255, n>>16&255, n>>8&255, n&255)
}
