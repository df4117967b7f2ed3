package kubernetes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

func TestServeDNS(t *testing.T) {
	k, _ := testHandler(testConfig())
	for _, tt := range []struct{ name, typ, want string }{
		{"web.ns.svc.cluster.local.", "A", "NOERROR; web.ns.svc.cluster.local. A 10.96.0.20"},
		{"web.ns.svc.cluster.local.", "AAAA", "NOERROR; web.ns.svc.cluster.local. AAAA fd00::20"},
		{"web.ns.svc.cluster.local.", "MX", "NOERROR"},
		{"WEB.ns.svc.CLUSTER.local.", "A", "NOERROR; WEB.ns.svc.CLUSTER.local. A 10.96.0.20"}, // RFC 4343
		{"_http._tcp.web.ns.svc.cluster.local.", "SRV", "NOERROR; _http._tcp.web.ns.svc.cluster.local. SRV 0 50 80 web.ns.svc.cluster.local.; " +
			"[web.ns.svc.cluster.local. A 10.96.0.20]; [web.ns.svc.cluster.local. AAAA fd00::20]"},
		{"db.ns.svc.cluster.local.", "A", "NOERROR; db.ns.svc.cluster.local. A 10.0.0.1; db.ns.svc.cluster.local. A 10.0.0.2"},
		{"db.ns.svc.CLUSTER.local.", "SRV", "NOERROR; db.ns.svc.CLUSTER.local. SRV 0 50 80 10-0-0-2.db.ns.svc.CLUSTER.local.; " +
			"db.ns.svc.CLUSTER.local. SRV 0 50 80 db-0.db.ns.svc.CLUSTER.local.; " +
			"[10-0-0-2.db.ns.svc.CLUSTER.local. A 10.0.0.2]; [db-0.db.ns.svc.CLUSTER.local. A 10.0.0.1]"},
		{"db-0.db.ns.svc.cluster.local.", "A", "NOERROR; db-0.db.ns.svc.cluster.local. A 10.0.0.1"},
		{"db-0.east.db.ns.svc.clusterset.local.", "A", "NOERROR; db-0.east.db.ns.svc.clusterset.local. A 10.9.0.1"},
		{"db.ns.svc.clusterset.local.", "SRV", "NOERROR; db.ns.svc.clusterset.local. SRV 0 100 80 db-0.east.db.ns.svc.clusterset.local.; " +
			"[db-0.east.db.ns.svc.clusterset.local. A 10.9.0.1]"},
		{"ext.ns.svc.cluster.local.", "CNAME", "NOERROR; ext.ns.svc.cluster.local. CNAME example.com."},
		{"ext.ns.svc.cluster.local.", "A", "NOERROR; example.com. A 192.0.2.1; ext.ns.svc.cluster.local. CNAME example.com."},
		{"ext.ns.svc.cluster.local.", "SRV", "NOERROR; ext.ns.svc.cluster.local. CNAME example.com."},
		{"in.ns.svc.cluster.local.", "A", "NOERROR; Web.ns.svc.cluster.local. A 10.96.0.20; in.ns.svc.cluster.local. CNAME Web.ns.svc.cluster.local."},
		{"away.ns.svc.cluster.local.", "A", "NOERROR; away.ns.svc.cluster.local. CNAME missing.example.com."},
		{"server.ns.svc.cluster.local.", "A", "NOERROR; ns.dns.cluster.local. A 10.96.0.10; server.ns.svc.cluster.local. CNAME ns.dns.cluster.local."},
		{"loop.ns.svc.cluster.local.", "A", "SERVFAIL; loop.ns.svc.cluster.local. CNAME pool.ns.svc.cluster.local.; pool.ns.svc.cluster.local. CNAME loop.ns.svc.cluster.local."},
		{"self.ns.svc.cluster.local.", "A", "NXDOMAIN; self.ns.svc.cluster.local. CNAME x.self.ns.svc.cluster.local."},
		{"10-240-0-1.ns.pod.cluster.local.", "A", "NOERROR; 10-240-0-1.ns.pod.cluster.local. A 10.240.0.1"},
		{"10-240-0-1.ns.pod.cluster.local.", "SRV", "NOERROR"},
		{"10-240-0-2.ns.pod.cluster.local.", "A", "NXDOMAIN"},
		{"20.0.96.10.in-addr.arpa.", "PTR", "NOERROR; 20.0.96.10.in-addr.arpa. PTR web.ns.svc.cluster.local."},
		{"2.0.0.10.in-addr.arpa.", "PTR", "NOERROR; 2.0.0.10.in-addr.arpa. PTR 10-0-0-2.db.ns.svc.cluster.local."},
		{"20.0.96.10.in-addr.arpa.", "A", "NOERROR"}, // RFC 2308: the name exists
		{"96.10.in-addr.arpa.", "PTR", "NOERROR"},    // RFC 8020: names stand below
		{"9.9.9.9.in-addr.arpa.", "PTR", "NXDOMAIN"}, //
		{"svc.10.in-addr.arpa.", "A", "NXDOMAIN"},    // no forward grammar in reverse zones
		{"dns-version.cluster.local.", "TXT", `NOERROR; dns-version.cluster.local. TXT "1.1.0"`},
		{"dns-version.cluster.local.", "A", "NOERROR"},
		{"dns.cluster.local.", "A", "NOERROR"}, // RFC 8020: ns.dns stands below
		{"cluster.local.", "A", "NOERROR"},
		{"cluster.local.", "TXT", "NOERROR"}, // RFC 2308: the name exists
		{"cluster.local.", "NS", "NOERROR; cluster.local. NS dns.ns.svc.cluster.local.; [dns.ns.svc.cluster.local. A 10.96.0.10]"},
		{"CLUSTER.local.", "NS", "NOERROR; CLUSTER.local. NS dns.ns.svc.CLUSTER.local.; [dns.ns.svc.CLUSTER.local. A 10.96.0.10]"},
		{"ns.dns.cluster.local.", "A", "NOERROR; ns.dns.cluster.local. A 10.96.0.10"},
		{"ns.dns.Cluster.local.", "AAAA", "NOERROR"},
		{"ns.dns.in-addr.arpa.", "A", "NOERROR; ns.dns.in-addr.arpa. A 10.96.0.10"},
		{"missing.ns.svc.cluster.local.", "A", "NXDOMAIN"},
		{"missing.ns.svc.cluster.local.", "SOA", "NXDOMAIN"}, // RFC 2308
		{"api.github.com.ns.svc.cluster.local.", "AAAA", "NXDOMAIN"},
		{"cluster.local.", "AXFR", "REFUSED"},
		{`a\.b.ns.svc.cluster.local.`, "A", "NXDOMAIN"},
		{`\000.svc.cluster.local.`, "A", "NXDOMAIN"},
	} {
		if got := short(ask(t, k, tt.name, tt.typ)); got != tt.want {
			t.Errorf("%s %s:\n got %s\nwant %s", tt.name, tt.typ, got, tt.want)
		}
	}
}

// TestNegative shows that every answer without records carries the zone's SOA, in the
// letter case asked (RFC 2308 section 3, RFC 4343).
func TestNegative(t *testing.T) {
	k, _ := testHandler(testConfig())
	for _, tt := range []struct{ name, typ string }{
		{"missing.ns.svc.CLUSTER.local.", "A"}, {"web.ns.svc.CLUSTER.local.", "TXT"}, {"CLUSTER.local.", "A"},
	} {
		m := ask(t, k, tt.name, tt.typ)
		if len(m.Ns) != 1 || !m.Authoritative {
			t.Fatalf("%s %s: authority %v, authoritative %v", tt.name, tt.typ, m.Ns, m.Authoritative)
		}
		soa := m.Ns[0].(*dns.SOA)
		if soa.Hdr.Name != "CLUSTER.local." || soa.Ns != "ns.dns.CLUSTER.local." || soa.Mbox != "hostmaster.CLUSTER.local." ||
			soa.Hdr.Ttl != defaultTTL || soa.Minttl != defaultTTL || soa.Serial == 0 {
			t.Errorf("%s %s: %v", tt.name, tt.typ, soa)
		}
	}
}

// TestBeforeSync shows that nothing is denied, passed on or half answered before the
// records are complete.
func TestBeforeSync(t *testing.T) {
	cfg := testConfig()
	cfg.fallthroughZones = []string{"."}
	k := newHandler(cfg)
	k.Next = test.NextHandler(dns.RcodeRefused, nil)
	for _, name := range []string{"cluster.local.", "web.ns.svc.cluster.local.", "1.0.0.10.in-addr.arpa.", "in-addr.arpa."} {
		if m := ask(t, k, name, "A"); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: %s", name, short(m))
		}
	}
	if k.Ready() {
		t.Error("ready before the first sync")
	}
}

func TestFallthrough(t *testing.T) {
	cfg := testConfig()
	cfg.fallthroughZones = []string{"in-addr.arpa."}
	k, _ := testHandler(cfg)
	k.Next = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		return dns.RcodeNotImplemented, nil
	})
	for name, want := range map[string]string{
		"9.9.9.9.in-addr.arpa.":         "NOTIMP",
		"20.0.96.10.in-addr.arpa.":      "NOERROR",
		"missing.ns.svc.cluster.local.": "NXDOMAIN",
		"example.com.":                  "NOTIMP",
	} {
		if m := ask(t, k, name, "A"); dns.RcodeToString[m.Rcode] != want {
			t.Errorf("%s: %s, want %s", name, short(m), want)
		}
	}
}

// TestLongAnswer asks for a headless Service of 5,000 endpoints over UDP: the reply is
// truncated, made of no more than fits, and not always the same.
func TestLongAnswer(t *testing.T) {
	k, w := testHandler(testConfig())
	w.SetService(zone.Local, &zone.Service{Key: zone.Key{Namespace: "ns", Name: "big"}, Kind: zone.Headless})
	for i := range 50 {
		s := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: fmt.Sprint(i)}, Service: zone.Key{Namespace: "ns", Name: "big"},
			Ports: []zone.Port{{Name: "p", Protocol: "tcp", Number: 1}}}
		for j := range 100 {
			s.Endpoints = append(s.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 1, byte(i), byte(j)})})
		}
		w.SetSlice(zone.Local, s)
	}
	for typ, most := range map[string]int{"A": (512-12-26-4)/16 + 1, "SRV": (512-12-26-4)/30 + 1} {
		first := map[string]bool{}
		for range 20 {
			m := ask(t, k, "big.ns.svc.cluster.local.", typ)
			if !m.Truncated { // or a cache would keep it
				t.Fatalf("%s: records are left out, and it does not say so", typ)
			}
			if len(m.Answer) > most {
				t.Fatalf("%s: %d records made, %d could fit", typ, len(m.Answer), most)
			}
			first[m.Answer[0].String()] = true
			r := new(dns.Msg)
			r.SetQuestion("big.ns.svc.cluster.local.", dns.StringToType[typ])
			state := request.Request{W: &test.ResponseWriter{}, Req: r}
			if m = state.Scrub(m); !m.Truncated || len(m.Answer) == 0 {
				t.Fatalf("%s: truncated %v, %d records", typ, m.Truncated, len(m.Answer))
			}
		}
		if len(first) < 2 {
			t.Errorf("%s: every answer begins with %v", typ, first)
		}
	}
	r := new(dns.Msg)
	r.SetQuestion("big.ns.svc.cluster.local.", dns.TypeA)
	rec := dnstest.NewRecorder(&test.ResponseWriter{TCP: true})
	if _, err := k.ServeDNS(context.Background(), rec, r); err != nil {
		t.Fatal(err)
	}
	if n := len(rec.Msg.Answer); n != (65535-12-26-4)/16+1 {
		t.Errorf("over TCP: %d records", n)
	}
}

// TestManyTargets asks for an SRV record of each port of each endpoint, some of which share
// names, ports and addresses.
func TestManyTargets(t *testing.T) {
	k, w := testHandler(testConfig())
	key := zone.Key{Namespace: "ns", Name: "many"}
	w.SetService(zone.Local, &zone.Service{Key: key, Kind: zone.Headless})
	for i := range 3 { // the third slice repeats the second
		s := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: fmt.Sprint("many-", i)}, Service: key, Ports: []zone.Port{
			{Name: "a", Protocol: "tcp", Number: 1}, {Name: "b", Protocol: "tcp", Number: 2}, {Name: "b", Protocol: "udp", Number: 2}, {Name: "none"},
		}}
		for j := range 20 {
			s.Endpoints = append(s.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 2, byte(min(i, 1)), byte(j)}), Host: fmt.Sprint("h", j)})
		}
		w.SetSlice(zone.Local, s)
	}
	r := new(dns.Msg)
	r.SetQuestion("many.ns.svc.cluster.local.", dns.TypeSRV)
	rec := dnstest.NewRecorder(&test.ResponseWriter{TCP: true})
	if _, err := k.ServeDNS(context.Background(), rec, r); err != nil {
		t.Fatal(err)
	}
	if n := len(dns.Dedup(rec.Msg.Answer, nil)); n != 40 || len(rec.Msg.Answer) != 40 {
		t.Errorf("%d records, %d of them different; want 20 names with 2 ports", len(rec.Msg.Answer), n)
	}
	if n := len(dns.Dedup(rec.Msg.Extra, nil)); n != 40 || len(rec.Msg.Extra) != 40 {
		t.Errorf("%d addresses, %d of them different; want 20 names with 2 addresses", len(rec.Msg.Extra), n)
	}
}

// TestEscapedDot asks for a name that only looks like a name in the zone.
func TestEscapedDot(t *testing.T) {
	k, _ := testHandler(testConfig())
	k.Next = test.NextHandler(dns.RcodeRefused, nil)
	if m := ask(t, k, `foo\.cluster.local.`, "A"); m.Rcode != dns.RcodeRefused {
		t.Errorf("%s", short(m))
	}
}

// TestPrimaryZone shows that PTR records point into a zone that has the names.
func TestPrimaryZone(t *testing.T) {
	cfg := testConfig()
	cfg.zones = []string{"in-addr.arpa.", "clusterset.local.", "cluster.local."}
	k, _ := testHandler(cfg)
	if got := short(ask(t, k, "20.0.96.10.in-addr.arpa.", "PTR")); got != "NOERROR; 20.0.96.10.in-addr.arpa. PTR web.ns.svc.cluster.local." {
		t.Error(got)
	}
}

// TestBoundIPs leaves out loopback addresses, unless there are no others: then they are where
// the zone is served, as with corefile.example.
func TestBoundIPs(t *testing.T) {
	for _, tt := range []struct {
		bind []string
		want string
	}{
		{[]string{"127.0.0.1", "::1", "10.0.0.5", "10.0.0.6/24", "fd00::5", "nonsense"}, "[10.0.0.5 10.0.0.6 fd00::5]"},
		{[]string{"127.0.0.1"}, "[127.0.0.1]"},
		{[]string{"::1", "127.0.0.53"}, "[::1 127.0.0.53]"},
	} {
		if got := fmt.Sprint(boundIPs(tt.bind)); got != tt.want {
			t.Errorf("bind %v: %s, want %s", tt.bind, got, tt.want)
		}
	}
	for _, every := range [][]string{nil, {""}, {"::"}, {"0.0.0.0"}} { // nobody can ask at 0.0.0.0
		ips := boundIPs(every)
		if len(ips) == 0 {
			t.Errorf("bind %q: no address, not even a loopback one", every)
		}
		for _, ip := range ips {
			if ip.IsUnspecified() || ip.Is6() && slices.Contains(every, "0.0.0.0") {
				t.Errorf("bind %q: %v", every, ip)
			}
		}
	}
}

// TestLoopbackOnly asks a server that listens on loopback alone for its zone's servers: they
// have a name and addresses, and the SOA's name is one (RFC 1034, section 4.2.1; RFC 1035,
// section 3.3.13).
func TestLoopbackOnly(t *testing.T) {
	k, _ := testHandler(testConfig())
	k.responder.Addrs = boundIPs([]string{"127.0.0.1", "::1"})
	for _, tt := range []struct{ name, typ, want string }{
		{"cluster.local.", "NS", "NOERROR; cluster.local. NS ns.dns.cluster.local.; [ns.dns.cluster.local. A 127.0.0.1]; [ns.dns.cluster.local. AAAA ::1]"},
		{"ns.dns.cluster.local.", "A", "NOERROR; ns.dns.cluster.local. A 127.0.0.1"},
		{"ns.dns.cluster.local.", "AAAA", "NOERROR; ns.dns.cluster.local. AAAA ::1"},
		{"in-addr.arpa.", "NS", "NOERROR; in-addr.arpa. NS ns.dns.in-addr.arpa.; [ns.dns.in-addr.arpa. A 127.0.0.1]; [ns.dns.in-addr.arpa. AAAA ::1]"},
	} {
		if got := short(ask(t, k, tt.name, tt.typ)); got != tt.want {
			t.Errorf("%s %s:\n got %s\nwant %s", tt.name, tt.typ, got, tt.want)
		}
	}
	soa := ask(t, k, "cluster.local.", "SOA").Answer[0].(*dns.SOA)
	if soa.Ns != "ns.dns.cluster.local." {
		t.Errorf("the SOA names %s", soa.Ns)
	}
}

// FuzzServeDNS sends any message through the handler: it answers, passes it on, or is
// never given it, and what it writes can be sent.
func FuzzServeDNS(f *testing.F) {
	for _, name := range []string{"web.ns.svc.cluster.local.", "a.pin._zone.db.ns.svc.cluster.local.", "1.0.0.10.in-addr.arpa.", ".", `\..cluster.local.`} {
		m := new(dns.Msg)
		m.SetQuestion(name, dns.TypeSRV)
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	k, _ := testHandler(testConfig())
	k.Next = test.NextHandler(dns.RcodeRefused, nil)
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil || len(m.Question) == 0 {
			return // CoreDNS drops it
		}
		if reply := serve(t, k, m); len(reply.Question) > 0 {
			if _, err := reply.Pack(); err != nil {
				t.Fatalf("%v: %v", m.Question, err)
			}
		}
	})
}
