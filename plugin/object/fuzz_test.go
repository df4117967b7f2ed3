package object

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// FuzzTranslator feeds objects as a file or an odd server might hold them.
func FuzzTranslator(f *testing.F) {
	for _, seed := range []string{
		`{"metadata":{"name":"web","namespace":"default"},"spec":{"clusterIPs":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":80}]}}`,
		`{"metadata":{"name":"x","namespace":"y"},"spec":{"type":"ExternalName","externalName":"example.com."}}`,
		`{"metadata":{"name":"web-1","namespace":"default","labels":{"kubernetes.io/service-name":"web"}},"addressType":"IPv4",
		  "endpoints":[{"addresses":["10.1.0.1","::1%lo"],"hostname":"A","zone":"Z"},{"addresses":[""],"conditions":{"ready":false}}],
		  "ports":[{"port":80},{"name":null}]}`,
		`{"metadata":{"name":"i","namespace":"n","labels":{"multicluster.kubernetes.io/service-name":"w","multicluster.kubernetes.io/source-cluster":"C"}},
		  "endpoints":[{"addresses":["fe80::1"],"targetRef":{"name":"p"}}]}`,
		`{"metadata":{"name":"p","namespace":"n","labels":{"a":"b"}},"status":{"podIPs":[{"ip":"10.1.0.1"},{"ip":"x"}]}}`,
		`{"metadata":{"name":"s","namespace":"n"},"spec":{"type":"Headless","ips":["10.2.0.1"],"ports":[{"port":-1}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr := &Translator{PodNames: true, Zonal: true, Labels: true, Skipped: func(p Problem) { _ = p.String() }}
		checkService(t, tr.Service(decode[corev1.Service](data)))
		checkService(t, tr.Import(decode[mcs.ServiceImport](data)))
		slice := decode[discoveryv1.EndpointSlice](data)
		checkSlice(t, tr.Slice(slice))
		checkSlice(t, tr.ImportedSlice(slice))
		if p := tr.Pod(decode[corev1.Pod](data)); p != nil {
			checkAddrs(t, p.Addrs)
		}
	})
}

// decode returns as much of an object as data holds.
func decode[T any](data []byte) *T {
	var o T
	_ = json.Unmarshal(data, &o)
	return &o
}

func checkService(t *testing.T, s *zone.Service) {
	if s == nil {
		return
	}
	checkAddrs(t, s.Addrs)
	if !isLabel(s.Name) || !isLabel(s.Namespace) || (s.Kind == zone.ExternalName) != isName(s.Target) {
		t.Errorf("not a service: %+v", s)
	}
}

func checkSlice(t *testing.T, s *zone.Slice) {
	if s == nil {
		return
	}
	if !slices.IsSortedFunc(s.Endpoints, func(a, b zone.Endpoint) int { return a.Addr.Compare(b.Addr) }) {
		t.Errorf("not sorted: %+v", s)
	}
	if len(s.Endpoints) != len(s.Zones) || len(s.Endpoints) != cap(s.Endpoints) {
		t.Errorf("%d endpoints, %d zones, room for %d", len(s.Endpoints), len(s.Zones), cap(s.Endpoints))
	}
	for _, e := range s.Endpoints {
		checkAddrs(t, []netip.Addr{e.Addr})
		if e.Host != "" && !isLabel(e.Host) {
			t.Errorf("host %q", e.Host)
		}
	}
}

func checkAddrs(t *testing.T, list []netip.Addr) {
	for _, a := range list {
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" {
			t.Errorf("address %v", a)
		}
	}
}
