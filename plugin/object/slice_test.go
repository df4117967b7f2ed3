package object

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// endpoint is a ready endpoint at one address.
func endpoint(addr string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{addr}}
}

// at is the record of an endpoint.
func at(addr, host string) zone.Endpoint {
	return zone.Endpoint{Addr: netip.MustParseAddr(addr), Host: host}
}

func newSlice(endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "web-1",
			Labels: map[string]string{discoveryv1.LabelServiceName: "web"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   endpoints,
	}
}

func wantSlice(endpoints ...zone.Endpoint) *zone.Slice {
	return &zone.Slice{
		SliceKey:  zone.SliceKey{Namespace: "default", Name: "web-1"},
		Service:   key("default", "web"),
		Endpoints: endpoints,
	}
}

func notReady(n int32, s *zone.Slice) *zone.Slice {
	s.NotReady[0] = n
	return s
}

// withServing adds endpoints that serve while they terminate.
func withServing(s *zone.Slice, endpoints ...zone.Endpoint) *zone.Slice {
	serving := *s
	serving.Endpoints = endpoints
	s.Serving = &serving
	return s
}

func TestSliceEndpoints(t *testing.T) {
	named, pod := endpoint("10.1.0.1"), endpoint("10.1.0.2")
	named.Hostname = ptr("Web-0")
	named.TargetRef = &corev1.ObjectReference{Name: "pod-0"}
	pod.TargetRef = &corev1.ObjectReference{Name: "pod-1"}
	unready, unknown := endpoint("10.1.0.3"), endpoint("10.1.0.4")
	unready.Conditions.Ready = ptr(false)
	unknown.Conditions.Serving = ptr(false)
	serving, ended, starting := endpoint("10.1.0.11"), endpoint("10.1.0.12"), endpoint("10.1.0.13")
	for _, e := range []*discoveryv1.Endpoint{&serving, &ended, &starting} {
		e.Conditions.Ready = ptr(false)
	}
	serving.Conditions.Terminating = ptr(true) // an unknown Serving counts as true
	ended.Conditions.Terminating, ended.Conditions.Serving = ptr(true), ptr(false)
	starting.Conditions.Serving = ptr(true)
	bad := discoveryv1.Endpoint{Addresses: []string{"10.1.0", "10.1.0.5", "fe80::1%eth0"}}
	long, dotted, unnamed := endpoint("10.1.0.6"), endpoint("10.1.0.7"), endpoint("10.1.0.8")
	long.Hostname = ptr(strings.Repeat("x", 300))
	long.TargetRef = &corev1.ObjectReference{Name: strings.Repeat("x", 64)}
	dotted.TargetRef = &corev1.ObjectReference{Name: "a.b"}
	unnamed.Hostname = ptr("")

	tests := []struct {
		name    string
		tr      Translator
		slice   *discoveryv1.EndpointSlice
		want    *zone.Slice
		skipped []string
	}{
		{name: "none", slice: newSlice(), want: wantSlice()},
		{
			name:  "sorted",
			slice: newSlice(endpoint("10.1.0.9"), endpoint("10.1.0.10"), endpoint("::ffff:10.1.0.1")),
			want:  wantSlice(at("10.1.0.1", ""), at("10.1.0.9", ""), at("10.1.0.10", "")),
		},
		{
			name:  "names",
			slice: newSlice(named, pod),
			want:  wantSlice(at("10.1.0.1", "web-0"), at("10.1.0.2", "")),
		},
		{
			name:  "names of pods",
			tr:    Translator{PodNames: true},
			slice: newSlice(named, pod),
			want:  wantSlice(at("10.1.0.1", "web-0"), at("10.1.0.2", "pod-1")),
		},
		{
			name:  "readiness",
			slice: newSlice(unready, unknown),
			want:  notReady(1, wantSlice(at("10.1.0.4", ""))),
		},
		{
			name:  "terminating",
			slice: newSlice(serving, ended, starting),
			want:  notReady(3, wantSlice()),
		},
		{
			name:  "serving while terminating",
			tr:    Translator{Serving: true},
			slice: newSlice(serving, ended, starting, unknown),
			want:  withServing(notReady(3, wantSlice(at("10.1.0.4", ""))), at("10.1.0.11", "")),
		},
		{
			name:    "bad addresses",
			slice:   newSlice(bad),
			want:    wantSlice(at("10.1.0.5", "")),
			skipped: []string{"endpoints[0].addresses[0]", "endpoints[0].addresses[2]"},
		},
		{
			name:    "bad host names",
			tr:      Translator{PodNames: true},
			slice:   newSlice(long, dotted, unnamed),
			want:    wantSlice(at("10.1.0.6", ""), at("10.1.0.7", ""), at("10.1.0.8", "")),
			skipped: []string{"endpoints[0].hostname"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, c := newTranslator(test.tr)
			got := tr.Slice(test.slice)
			check(t, got, test.want, c, test.skipped...)
			if len(got.Endpoints) != cap(got.Endpoints) {
				t.Errorf("%d endpoints in room for %d", len(got.Endpoints), cap(got.Endpoints))
			}
		})
	}
}

func TestSliceZones(t *testing.T) {
	a, b := endpoint("10.1.0.2"), endpoint("10.1.0.1")
	a.Zone, b.Zone = ptr("Zone-A"), ptr("zone-b")
	tr, c := newTranslator(Translator{Zonal: true})
	want := wantSlice(at("10.1.0.1", ""), at("10.1.0.2", ""), at("10.1.0.3", ""))
	want.Zones = []string{"zone-b", "zone-a", ""}
	check(t, tr.Slice(newSlice(a, b, endpoint("10.1.0.3"))), want, c)
}

func TestSlicePorts(t *testing.T) {
	o := newSlice()
	o.Ports = []discoveryv1.EndpointPort{
		{Name: ptr("HTTP"), Protocol: ptr(corev1.ProtocolTCP), Port: ptr[int32](80)},
		{Port: ptr[int32](0)},
		{Name: ptr("any")},
		{Port: ptr[int32](70000)},
		{},
	}
	tr, c := newTranslator(Translator{})
	want := wantSlice()
	want.Ports = []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}, {Name: "any"}, {}}
	check(t, tr.Slice(o), want, c, "ports[1]", "ports[3]")
}

func TestSliceService(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*discoveryv1.EndpointSlice)
		skipped []string
	}{
		{"no label", func(o *discoveryv1.EndpointSlice) { o.Labels = nil }, nil},
		{"names", func(o *discoveryv1.EndpointSlice) { o.AddressType = discoveryv1.AddressTypeFQDN }, []string{"addressType"}},
		{
			"bad label",
			func(o *discoveryv1.EndpointSlice) { o.Labels[discoveryv1.LabelServiceName] = "a.b" },
			[]string{"metadata.labels[kubernetes.io/service-name]"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newSlice(endpoint("10.1.0.1"))
			test.change(o)
			tr, c := newTranslator(Translator{})
			check(t, tr.Slice(o), nil, c, test.skipped...)
		})
	}
}

func TestImportedSlice(t *testing.T) {
	o := newSlice(endpoint("10.1.0.1"))
	tr, c := newTranslator(Translator{})
	check(t, tr.ImportedSlice(o), nil, c)

	o.Labels = map[string]string{mcs.LabelServiceName: "db", mcs.LabelSourceCluster: "East"}
	want := wantSlice(at("10.1.0.1", ""))
	want.Service, want.Cluster = key("default", "db"), "east"
	check(t, tr.ImportedSlice(o), want, c)
	check(t, tr.Slice(o), nil, c)
}
