package kubernetes

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/plugin/transfer"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	"github.com/neardns/neardns/test/differential/world"
)

// transferred returns the records of a transfer.
func transferred(t *testing.T, k *Kubernetes, name string, serial uint32) (rrs []dns.RR) {
	t.Helper()
	ch, err := k.Transfer(name, serial)
	if err != nil {
		t.Fatal(err)
	}
	for batch := range ch {
		rrs = append(rrs, batch...)
	}
	return rrs
}

// TestTransfer looks for some records of each zone, and for what a transfer refuses.
func TestTransfer(t *testing.T) {
	k, _ := testHandler(testConfig())
	for name, want := range map[string][]string{
		"cluster.local.": {
			"cluster.local.	5	IN	NS	dns.ns.svc.cluster.local.",
			"web.ns.svc.cluster.local.	5	IN	AAAA	fd00::20",
			"web.ns.svc.cluster.local.	5	IN	SRV	0 50 80 web.ns.svc.cluster.local.",
			"_http._tcp.web.ns.svc.cluster.local.	5	IN	SRV	0 50 80 web.ns.svc.cluster.local.",
			"db.ns.svc.cluster.local.	5	IN	A	10.0.0.2",
			"db-0.db.ns.svc.cluster.local.	5	IN	A	10.0.0.1",
			"_http._tcp.db.ns.svc.cluster.local.	5	IN	SRV	0 50 80 db-0.db.ns.svc.cluster.local.",
			"ext.ns.svc.cluster.local.	5	IN	CNAME	example.com.",
		},
		"clusterset.local.": {"db-0.east.db.ns.svc.clusterset.local.	5	IN	A	10.9.0.1"},
		"in-addr.arpa.": {
			"20.0.96.10.in-addr.arpa.	5	IN	PTR	web.ns.svc.cluster.local.",
			"1.0.0.10.in-addr.arpa.	5	IN	PTR	db-0.db.ns.svc.cluster.local.",
		},
	} {
		rrs := transferred(t, k, name, 0)
		have := map[string]bool{}
		for _, rr := range rrs {
			have[rr.String()] = true
		}
		for _, w := range want {
			if !have[w] {
				t.Errorf("%s lacks %s", name, w)
			}
		}
		if first, last := rrs[0], rrs[len(rrs)-1]; first.Header().Rrtype != dns.TypeSOA || last.Header().Rrtype != dns.TypeSOA {
			t.Errorf("%s: from %v to %v", name, first, last)
		}
	}
	if rrs := transferred(t, k, "cluster.local.", k.responder.Store.Serial(0)); len(rrs) != 1 {
		t.Errorf("IXFR at the current serial: %d records", len(rrs)) // RFC 1995
	}
	for _, name := range []string{"svc.cluster.local.", "example.com."} {
		if _, err := k.Transfer(name, 0); err != transfer.ErrNotAuthoritative {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTransferLetterCase asks with capitals. The server's addresses stand at its name as the NS
// record spells it.
func TestTransferLetterCase(t *testing.T) {
	k, _ := testHandler(testConfig())
	k.responder.Addrs = boundIPs([]string{"127.0.0.1"})
	var lines []string
	for _, rr := range transferred(t, k, "Cluster.Local.", 0) {
		lines = append(lines, rr.String())
	}
	for _, want := range []string{
		"Cluster.Local.	5	IN	NS	ns.dns.Cluster.Local.",
		"ns.dns.Cluster.Local.	5	IN	A	127.0.0.1",
		"web.ns.svc.cluster.local.	5	IN	A	10.96.0.20",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s in %q", want, lines)
		}
	}
}

// TestTransferIsTheZone compares a transfer of each zone of random clusters with what is
// answered to a question for each name and type: neither has a record that the other has not,
// and none twice (RFC 5936, section 3.2: an AXFR response is the zone's content).
func TestTransferIsTheZone(t *testing.T) {
	const worlds = 12
	local := []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")}
	for seed := range uint64(worlds) {
		r := rand.New(rand.NewPCG(seed, 15))
		k := worldHandler(randomConfig(r), world.New(seed, 0, local))
		k.responder.Addrs = local
		for _, z := range k.responder.Zones {
			t.Run(fmt.Sprintf("%d %s", seed, z.Name), func(t *testing.T) { compareTransfer(t, k, z.Name) })
		}
	}
}

func randomConfig(r *rand.Rand) *config {
	yes := func() bool { return r.IntN(2) == 0 }
	cfg := testConfig()
	cfg.names = zone.Options{Pods: []zone.PodMode{zone.PodsDisabled, zone.PodsVerified}[r.IntN(2)], Zonal: yes(), IgnoreEmptyService: yes()}
	cfg.podNames = yes()
	switch r.IntN(4) {
	case 0: // zones within each other
		cfg.zones = append(cfg.zones, "a.svc.cluster.local.", "96.10.in-addr.arpa.")
	case 1:
		cfg.zones = []string{"."}
	case 2: // names of 63-byte labels have no room
		cfg.zones = append(cfg.zones, strings.Repeat("z", 63)+"."+strings.Repeat("y", 40)+".")
	}
	return cfg
}

// worldHandler serves a random cluster.
func worldHandler(cfg *config, w *world.World) *Kubernetes {
	k := newHandler(cfg)
	k.upstream = outside{}
	to := zone.NewWriter(k.responder.Store)
	tr := &object.Translator{PodNames: cfg.podNames, Zonal: cfg.names.Zonal, Skipped: func(object.Problem) {}}
	for _, o := range w.Namespaces {
		to.SetNamespace(o.Name)
	}
	for _, o := range w.Services {
		if s := tr.Service(o); s != nil {
			to.SetService(zone.Local, s)
		}
	}
	for _, o := range w.Imports {
		if s := tr.Import(o); s != nil {
			to.SetService(zone.Imported, s)
		}
	}
	for _, o := range w.Slices {
		if s := tr.Slice(o); s != nil {
			to.SetSlice(zone.Local, s)
		}
		if s := tr.ImportedSlice(o); s != nil {
			to.SetSlice(zone.Imported, s)
		}
	}
	for _, o := range w.Pods {
		if p := tr.Pod(o); p != nil {
			to.SetPod(p)
		}
	}
	to.SetSynced()
	return k
}

// zoneTypes are those that a zone has records of.
var zoneTypes = []uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeCNAME, dns.TypePTR, dns.TypeTXT, dns.TypeNS, dns.TypeSOA,
}

// rrset names all records of one name and type.
type rrset struct {
	name  string
	qtype uint16
}

func compareTransfer(t *testing.T, k *Kubernetes, z string) {
	sent := map[rrset][]string{}
	owners := map[string]bool{}
	rrs := transferred(t, k, z, 0)
	for _, rr := range rrs[:len(rrs)-1] { // the last is the SOA again
		set := rrset{strings.ToLower(rr.Header().Name), rr.Header().Rrtype}
		readable(t, rr)
		if slices.Contains(sent[set], recordText(rr)) {
			t.Errorf("sent twice: %v", rr)
		}
		sent[set] = append(sent[set], recordText(rr))
		owners[set.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(owners)) {
		for _, qtype := range zoneTypes {
			got := answersAt(t, k, name, qtype)
			want := slices.Sorted(slices.Values(sent[rrset{name, qtype}]))
			if alias := sent[rrset{name, dns.TypeCNAME}]; alias != nil && qtype != dns.TypeCNAME {
				want, got = alias, slices.DeleteFunc(got, func(text string) bool { return text != alias[0] })
				if len(got) == 0 {
					continue // nothing of this type at its end
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %s\nanswered %s\nsent     %s", name, dns.TypeToString[qtype], brief(got), brief(want))
			}
		}
	}
	named(t, k, z, owners)
}

// named follows what SRV, PTR and NS records name: it is in the transfer of its zone, too.
func named(t *testing.T, k *Kubernetes, z string, owners map[string]bool) {
	for _, rr := range transferred(t, k, z, 0) {
		var target string
		switch rr := rr.(type) {
		case *dns.SRV:
			target = rr.Target
		case *dns.NS:
			target = rr.Ns
		}
		if target != "" && !owners[strings.ToLower(target)] {
			t.Errorf("%v names what is not in the zone", rr)
		}
	}
}

func brief(list []string) string { return "\n  " + strings.Join(list, "\n  ") }

// answersAt asks over TCP, and returns the answer section sorted.
func answersAt(t *testing.T, k *Kubernetes, name string, qtype uint16) (list []string) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	rec := dnstest.NewRecorder(&test.ResponseWriter{TCP: true})
	if _, err := k.ServeDNS(t.Context(), rec, m); err != nil {
		t.Fatal(err)
	}
	for _, rr := range rec.Msg.Answer {
		list = append(list, recordText(rr))
	}
	slices.Sort(list)
	return list
}

// recordText is a record without the serial, which is a time.
func recordText(rr dns.RR) string {
	if soa, ok := rr.(*dns.SOA); ok {
		soa.Serial = 0
	}
	return rr.String()
}

// readable fails if a record can't be read from a message.
func readable(t *testing.T, rr dns.RR) {
	t.Helper()
	wire := make([]byte, 2000)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err == nil {
		_, _, err = dns.UnpackRR(wire[:n], 0)
	}
	if err != nil {
		t.Errorf("%v: %v", rr, err)
	}
}
