package object

import (
	"reflect"
	"testing"

	"github.com/neardns/neardns/plugin/zone"
)

// TestBack turns records into objects, and these into the same records. TestRoundTrip of plugin/snapshot
// does so with random clusters.
func TestBack(t *testing.T) {
	tr, skipped := newTranslator(Translator{Zonal: true, Labels: true, Serving: true})
	same := func(got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	ports := []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}, {Protocol: "udp", Number: 53}}
	for _, s := range []*zone.Service{
		{Key: key("ns", "web"), Selector: true, Addrs: ips("10.0.0.1", "fd00::1"), Ports: ports},
		{Key: key("ns", "no-address-yet")},
		{Key: key("ns", "db"), Kind: zone.Headless, Ports: ports},
	} {
		same(tr.Service(ServiceOf(s)), s)
		imported := *s
		imported.Selector = false // an import has none
		same(tr.Import(ImportOf(&imported)), &imported)
	}
	out := &zone.Service{Key: key("ns", "out"), Kind: zone.ExternalName, Target: "A.example."}
	same(tr.Service(ServiceOf(out)), out)

	sl := &zone.Slice{
		SliceKey: zone.SliceKey{Namespace: "ns", Name: "db-1"}, Service: key("ns", "db"), Ports: append(ports, zone.Port{Name: "unnumbered", Protocol: "tcp"}),
		Endpoints: []zone.Endpoint{{Addr: ips("fd00::1")[0], Host: "db-0"}, {Addr: ips("fd00::2")[0]}}, Zones: []string{"a", ""}, NotReady: [2]int32{0, 3},
	}
	serving := *sl
	serving.Endpoints, serving.Zones = []zone.Endpoint{{Addr: ips("fd00::3")[0]}}, []string{"b"}
	sl.Serving = &serving
	same(tr.Slice(SliceOf(zone.Local, sl)), sl)
	sl.Cluster, serving.Cluster = "east", "east"
	same(tr.ImportedSlice(SliceOf(zone.Imported, sl)), sl)

	pod := &zone.Pod{Namespace: "ns", Name: "p", Addrs: ips("10.0.0.1", "fd00::1"), Labels: []zone.Label{{Key: "a", Value: "b"}}}
	same(tr.Pod(PodOf(pod)), pod)
	if len(skipped.problems) > 0 {
		t.Errorf("%v", skipped.problems)
	}
}
