package kubernetes

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// TestNamesTooLong serves endpoints of which one's name takes 255 bytes and another's would take
// 256 (RFC 1035, section 2.3.4). The long one costs its own records and no others.
func TestNamesTooLong(t *testing.T) {
	k := longNames()
	for _, z := range k.responder.Zones[:2] {
		name := longLabel + "." + longLabel + ".svc." + z.Name
		for question, want := range map[string]int{"SRV " + name: 2, "SRV _http._tcp." + name: 2, "A " + name: 3} {
			kind, name, _ := strings.Cut(question, " ")
			m := ask(t, k, name, kind)
			if len(m.Answer) != want {
				t.Errorf("%s: %d records, want %d", question, len(m.Answer), want)
			}
			for _, rr := range append(m.Answer, m.Extra...) {
				readable(t, rr)
			}
		}
	}
	for name, want := range map[string]int{"1.0.0.10.in-addr.arpa.": dns.RcodeSuccess, "2.0.0.10.in-addr.arpa.": dns.RcodeNameError} {
		for _, kind := range []string{"PTR", "A"} {
			if m := ask(t, k, name, kind); m.Rcode != want {
				t.Errorf("%s %s: %s", name, kind, short(m))
			}
		}
	}
	for _, z := range k.responder.Zones {
		compareTransfer(t, k, z.Name)
	}
}

// Labels of full length, and the host name that leaves the name of an endpoint 255 bytes.
var (
	longLabel   = strings.Repeat("x", 63)
	fittingHost = strings.Repeat("h", 40)
)

// longNames serves a headless ServiceImport and a headless Service, in a zone so long that it
// leaves as much room as a cluster's id and clusterset.local do.
func longNames() *Kubernetes {
	cfg := testConfig()
	cfg.zones[0] = longLabel + "." + strings.Repeat("z", 10) + ".local."
	k := newHandler(cfg)
	w := zone.NewWriter(k.responder.Store)
	w.SetNamespace(longLabel)
	for set, cluster := range map[zone.Set]string{zone.Local: "", zone.Imported: longLabel} {
		key := zone.Key{Namespace: longLabel, Name: longLabel}
		w.SetService(set, &zone.Service{Key: key, Kind: zone.Headless})
		w.SetSlice(set, &zone.Slice{
			SliceKey: zone.SliceKey{Namespace: longLabel, Name: "s"}, Service: key, Cluster: cluster,
			Ports: []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}},
			Endpoints: []zone.Endpoint{
				{Addr: netip.MustParseAddr("10.0.0.0"), Host: "a"},
				{Addr: netip.MustParseAddr("10.0.0.1"), Host: fittingHost},
				{Addr: netip.MustParseAddr("10.0.0.2"), Host: fittingHost + "h"},
			},
		})
	}
	w.SetSynced()
	return k
}
