package kubernetes

import (
	"context"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// outside takes the place of the rest of the server. It knows one name.
type outside struct{}

func (outside) Lookup(_ context.Context, state request.Request, name string, typ uint16) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	if name == "example.com." && typ == dns.TypeA {
		m.Answer = []dns.RR{test.A("example.com. 30 IN A 192.0.2.1")}
	}
	return m, nil
}

func testConfig() *config {
	return &config{
		zones:        []string{"cluster.local.", "clusterset.local.", "in-addr.arpa.", "ip6.arpa."},
		multicluster: []string{"clusterset.local."},
		ttl:          defaultTTL,
		names:        zone.Options{Pods: zone.PodsVerified, Zonal: true},
	}
}

// testHandler returns a handler over a small cluster, and the Writer of its store.
func testHandler(cfg *config) (*Kubernetes, *zone.Writer) {
	k := newHandler(cfg)
	k.upstream = outside{}
	k.search = []string{"example.net."}
	k.responder.Addrs = []netip.Addr{netip.MustParseAddr("10.0.0.53")}
	w := zone.NewWriter(k.responder.Store)
	fill(w)
	return k, w
}

func fill(w *zone.Writer) {
	ip := func(list ...string) (as []netip.Addr) {
		for _, s := range list {
			as = append(as, netip.MustParseAddr(s))
		}
		return as
	}
	endpoints := func(name, service string, ports []zone.Port, es ...zone.Endpoint) *zone.Slice {
		return &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: name}, Service: zone.Key{Namespace: "ns", Name: service}, Ports: ports, Endpoints: es}
	}
	key := func(name string) zone.Key { return zone.Key{Namespace: "ns", Name: name} }
	http := []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}}
	w.SetNamespace("ns")
	w.SetService(zone.Local, &zone.Service{Key: key("web"), Addrs: ip("10.96.0.20", "fd00::20"), Ports: http})
	w.SetService(zone.Local, &zone.Service{Key: key("dns"), Addrs: ip("10.96.0.10"), Ports: http})
	w.SetSlice(zone.Local, endpoints("dns-1", "dns", http, zone.Endpoint{Addr: ip("10.0.0.53")[0]}))
	w.SetService(zone.Local, &zone.Service{Key: key("db"), Kind: zone.Headless})
	w.SetService(zone.Local, &zone.Service{Key: key("empty"), Kind: zone.Headless})
	w.SetSlice(zone.Local, endpoints("db-1", "db", http,
		zone.Endpoint{Addr: ip("10.0.0.1")[0], Host: "db-0"}, zone.Endpoint{Addr: ip("10.0.0.2")[0]}))
	for name, target := range map[string]string{
		"ext": "example.com", "in": "Web.ns.svc.cluster.local", "loop": "pool.ns.svc.cluster.local",
		"pool": "loop.ns.svc.cluster.local", "self": "x.self.ns.svc.cluster.local", "away": "missing.example.com",
		"server": "ns.dns.cluster.local",
	} {
		w.SetService(zone.Local, &zone.Service{Key: key(name), Kind: zone.ExternalName, Target: target})
	}
	w.SetService(zone.Imported, &zone.Service{Key: key("db"), Kind: zone.Headless})
	imported := endpoints("db-x", "db", http, zone.Endpoint{Addr: ip("10.9.0.1")[0], Host: "db-0"})
	imported.Cluster = "east"
	w.SetSlice(zone.Imported, imported)
	w.SetPod(&zone.Pod{Namespace: "ns", Name: "client", Addrs: ip("10.240.0.1"), Labels: []zone.Label{{Key: "app", Value: "web"}}})
	w.SetSynced()
}

// ask returns the reply to a question, or only its rcode if no reply was written.
func ask(t *testing.T, k *Kubernetes, name, typ string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[typ])
	return serve(t, k, m)
}

func serve(t *testing.T, k *Kubernetes, m *dns.Msg) *dns.Msg {
	t.Helper()
	rec := dnstest.NewRecorder(&test.ResponseWriter{})
	rcode, err := k.ServeDNS(context.Background(), rec, m)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Msg == nil {
		return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: rcode}}
	}
	return rec.Msg
}

// short is a reply in one line: rcode, then each record's owner, type and data. Records of the
// additional section stand in brackets.
func short(m *dns.Msg) string {
	out := []string{dns.RcodeToString[m.Rcode]}
	records := func(rrs []dns.RR, format string) {
		var list []string
		for _, rr := range rrs {
			h := rr.Header()
			data := strings.TrimPrefix(rr.String(), h.String())
			list = append(list, fmt.Sprintf(format, h.Name+" "+dns.TypeToString[h.Rrtype]+" "+data))
		}
		sort.Strings(list)
		out = append(out, list...)
	}
	records(m.Answer, "%s")
	records(m.Extra, "[%s]")
	return strings.Join(out, "; ")
}
