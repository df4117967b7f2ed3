package reply

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// shop returns a Responder for a cluster where much is missing.
func shop(o zone.Options) (*Responder, *zone.Writer) {
	s := &Responder{
		Store: zone.New(o), TTL: 5, Explain: true,
		Zones: NewZones([]string{"cluster.local.", "clusterset.local.", "in-addr.arpa.", "ip6.arpa."}, []string{"clusterset.local."}),
	}
	w := zone.NewWriter(s.Store)
	w.SetNamespace("shop")
	w.SetNamespace("prod")
	addr := func(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }
	key := func(name string) zone.Key { return zone.Key{Namespace: "shop", Name: name} }
	http := []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}}
	w.SetService(zone.Local, &zone.Service{Key: key("web"), Addrs: addr("10.96.0.20"), Ports: http})
	w.SetService(zone.Local, &zone.Service{Key: key("edge"), Addrs: addr("10.96.0.21"), Ports: []zone.Port{http[0], {Name: "https", Protocol: "tcp", Number: 443}}})
	w.SetService(zone.Local, &zone.Service{Key: key("cart"), Kind: zone.Headless})
	w.SetSlice(zone.Local, &zone.Slice{SliceKey: zone.SliceKey{Namespace: "shop", Name: "cart-4"}, Service: key("cart"), NotReady: [2]int32{3, 0}})
	w.SetSlice(zone.Local, &zone.Slice{SliceKey: zone.SliceKey{Namespace: "shop", Name: "cart-6"}, Service: key("cart"), NotReady: [2]int32{0, 3}})
	w.SetService(zone.Local, &zone.Service{Key: key("none"), Kind: zone.Headless})
	w.SetService(zone.Local, &zone.Service{Key: key("db"), Kind: zone.Headless, Ports: []zone.Port{{Name: "admin", Protocol: "tcp", Number: 81}}})
	w.SetSlice(zone.Local, &zone.Slice{SliceKey: zone.SliceKey{Namespace: "shop", Name: "db"}, Service: key("db"), Ports: http,
		Endpoints: []zone.Endpoint{{Addr: addr("10.1.0.1")[0], Host: "db-0"}}, Zones: []string{"eu-1"}})
	w.SetService(zone.Local, &zone.Service{Key: key("ext"), Kind: zone.ExternalName, Target: "example.com"})
	w.SetService(zone.Imported, &zone.Service{Key: key("far"), Addrs: addr("10.97.0.1")})
	w.SetSynced()
	return s, w
}

// explained returns the extended error of the reply to a question, as its code and its text.
func explained(t testing.TB, s *Responder, name string, qtype wire.Type) string {
	q, ok := s.Zones.Question(name, qtype)
	if !ok {
		t.Fatal(name)
	}
	q.Size, q.EDNS = 1232, true
	r := new(Reply)
	s.Answer(&q, r)
	if !r.Error.Set {
		return ""
	}
	return fmt.Sprintf("%d %s", r.Error.Code, r.Error.Text)
}

// questionsWhy are questions without an answer in the cluster of shop, and why.
var questionsWhy = []struct {
	name  string
	qtype wire.Type
	want  string
}{
	{"web.prod2.svc.cluster.local.", wire.A, `0 no such namespace "prod2", did you mean namespace "prod"?`},
	{"prdo.svc.cluster.local.", wire.A, `0 no such namespace "prdo", did you mean namespace "prod"?`},
	{"web.staging.svc.cluster.local.", wire.A, `0 no such namespace "staging"`},
	{"www.example.prod2.svc.cluster.local.", wire.A, `0 no such namespace "prod2"`},
	{"wbe.shop.svc.cluster.local.", wire.A, `0 no such service shop/wbe, did you mean service "web"?`},
	{"web.prod.svc.cluster.local.", wire.A, `0 no such service prod/web`},
	{"fra.shop.svc.clusterset.local.", wire.A, `0 no such service shop/fra, did you mean service "far"?`},
	{"cart.shop.svc.cluster.local.", wire.A, `0 service shop/cart has no ready endpoints (3 not ready)`},
	{"none.shop.svc.cluster.local.", wire.A, `0 service shop/none has no endpoints`},
	{"_htp._tcp.web.shop.svc.cluster.local.", wire.SRV, `0 service shop/web has no port "htp", did you mean port "http"?`},
	{"_htp._tcp.db.shop.svc.cluster.local.", wire.SRV, `0 service shop/db has no port "htp", did you mean port "http"?`},
	{"_smtp._tcp.web.shop.svc.cluster.local.", wire.SRV, `0 service shop/web has no port "smtp"`},
	{"_http._udp.web.shop.svc.cluster.local.", wire.SRV, `0 service shop/web has no port "http" of protocol "udp"`},
	{"_https._udp.edge.shop.svc.cluster.local.", wire.SRV, `0 service shop/edge has no port "https" of protocol "udp"`},
	{"_admin._tcp.db.shop.svc.cluster.local.", wire.SRV, `0 service shop/db has no ready endpoint with port "admin"`},
	{"db-1.db.shop.svc.cluster.local.", wire.A, `0 service shop/db has no ready endpoint "db-1"`},
	{"web-1.web.shop.svc.cluster.local.", wire.A, `0 service shop/web has no endpoints`},
	{"eu-2.pin._zone.db.shop.svc.cluster.local.", wire.A, `0 service shop/db has no ready endpoint in zone "eu-2"`},
	{"eu-2.pin._zone.cart.shop.svc.cluster.local.", wire.A, `0 service shop/cart has no ready endpoints (3 not ready)`},
	{"www.ext.shop.svc.cluster.local.", wire.A, `0 service shop/ext is an ExternalName, and no names are below it`},
	{"10-1-0-9.shop.pod.cluster.local.", wire.A, `0 no pod of namespace "shop" has the address "10-1-0-9"`},
	{"web.shop.pod.cluster.local.", wire.A, `0 no such name: pods are their address with dashes here`},
	{"web.shop.cluster.local.", wire.A, `0 no such name: services are below svc here, pods below pod`},
	{"a.b.c.web.shop.svc.cluster.local.", wire.A, `0 no names of this form are below shop/web`},
	{"_tcp.web.shop.svc.cluster.local.", wire.A, `0 no records at this name, only at names below it`},
	{"svc.cluster.local.", wire.A, `0 no records at this name, only at names below it`},
	{"web.shop.svc.cluster.local.", wire.AAAA, `0 service shop/web has no IPv6 address`},
	{"web.shop.svc.cluster.local.", wire.MX, `0 service shop/web has no MX record`},
	{"web.shop.svc.cluster.local.", 65280, `0 service shop/web has no TYPE65280 record`},
	{"far.shop.svc.clusterset.local.", wire.SRV, `0 service shop/far has no port with a number`},
	{"db-0.db.shop.svc.cluster.local.", wire.AAAA, `0 this name has no IPv6 address`}, // others of the Service's may
	{"eu-1.pin._zone.db.shop.svc.cluster.local.", wire.AAAA, `0 this name has no IPv6 address`},
	{"10-1-0-1.shop.pod.cluster.local.", wire.AAAA, `0 this name has no IPv6 address`},
	{"dns-version.cluster.local.", wire.A, `0 this name has no IPv4 address`},
	{"cluster.local.", wire.A, `0 no A record at the zone's own name`},
	{"in-addr.arpa.", wire.PTR, `0 no PTR record at the zone's own name`},
	{"9.9.9.10.in-addr.arpa.", wire.PTR, `0 no service or endpoint has the address 10.9.9.9`},
	{"9.10.in-addr.arpa.", wire.PTR, `0 no service or endpoint has an address that begins so`},
	{"96.10.in-addr.arpa.", wire.PTR, `0 no records at this name, only at names below it`},
	{"20.0.96.10.in-addr.arpa.", wire.A, `0 no A record at the name of an address`},
	{"web.shop.svc.cluster.local.", wire.ANY, `0 no answer to ANY here: ask for one type`},
	{"cluster.local.", wire.ANY, `0 no answer to ANY here: ask for one type`},
	{"20.0.96.10.in-addr.arpa.", wire.ANY, `0 no answer to ANY here: ask for one type`},
	{"svc.cluster.local.", wire.ANY, `0 no records at this name, only at names below it`},
	{"x.10.in-addr.arpa.", wire.PTR, `0 not the reverse name of an address`},
	{"web.shop.svc.cluster.local.", wire.A, ""},
}

func TestExplainRFC8914(t *testing.T) {
	s, w := shop(zone.Options{Pods: zone.PodsVerified, Zonal: true})
	w.SetPod(&zone.Pod{Namespace: "shop", Name: "p", Addrs: []netip.Addr{netip.MustParseAddr("10.1.0.1")}})
	for _, tt := range questionsWhy {
		if got := explained(t, s, tt.name, tt.qtype); got != tt.want {
			t.Errorf("%s %v:\n got %s\nwant %s", tt.name, tt.qtype, got, tt.want)
		}
	}
}

// TestExplainChange has a name come into being between the look-up for the answer and the one for the
// reason: nothing untrue is said.
func TestExplainChange(t *testing.T) {
	s, _ := shop(zone.Options{})
	for _, existence := range []zone.Existence{zone.NoName, zone.NoData} {
		q, _ := s.Zones.Question("web.shop.svc.cluster.local.", wire.A)
		if got := s.why(&q, existence, nil); len(got) > 0 {
			t.Errorf("%d: %s", existence, got)
		}
	}
}

// TestExplainLate has a Service's slices come before it: its name is NODATA, and no names are said to be
// below it.
func TestExplainLate(t *testing.T) {
	s, w := shop(zone.Options{})
	w.ReplacePods("", nil) // what comes after a list is an event
	w.SetSlice(zone.Local, &zone.Slice{SliceKey: zone.SliceKey{Namespace: "shop", Name: "late"}, Service: zone.Key{Namespace: "shop", Name: "late"}})
	q, _ := s.Zones.Question("late.shop.svc.cluster.local.", wire.A)
	if existence := s.find(&q, new(Reply)); existence != zone.NoData {
		t.Errorf("%v", existence)
	}
	if got, want := explained(t, s, q.Name, wire.A), "0 no such service shop/late"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestExplainBlock changes the block: what it does not serve is neither named nor denied.
func TestExplainBlock(t *testing.T) {
	for _, tt := range []struct {
		what   string
		change func(*Responder)
		name   string
		want   string
	}{
		{"pods disabled", func(*Responder) {}, "10-1-0-1.shop.pod.cluster.local.", "0 pod records are off (pods disabled)"},
		{"namespaces", func(s *Responder) { s.Unserved.Namespaces = true }, "web.prod2.svc.cluster.local.", `0 namespace "prod2" is not served here`},
		{"labels", func(s *Responder) { s.Unserved.Labels = true }, "wbe.shop.svc.cluster.local.", "0 service shop/wbe is not served here"},
		{"labels", func(s *Responder) { s.Unserved.Labels = true }, "cart.shop.svc.cluster.local.", "0 service shop/cart has no ready endpoints (3 not ready); only some are served here (labels)"},
		{"labels", func(s *Responder) { s.Unserved.Labels = true }, "none.shop.svc.cluster.local.", "0 service shop/none has no endpoints; only some are served here (labels)"},
		{"labels", func(s *Responder) { s.Unserved.Labels = true }, "db-1.db.shop.svc.cluster.local.", `0 service shop/db has no ready endpoint "db-1"; only some are served here (labels)`},
		{"labels", verified, "10-1-0-9.shop.pod.cluster.local.", `0 no pod of namespace "shop" has the address "10-1-0-9"; only some are served here (labels)`},
		{"labels, imported", func(s *Responder) { s.Unserved.Labels = true }, "fra.shop.svc.clusterset.local.", `0 no such service shop/fra, did you mean service "far"?`},
		{"labels", func(s *Responder) { s.Unserved.Labels = true }, "9.9.9.10.in-addr.arpa.", "0 no service or endpoint that is served here has the address 10.9.9.9"},
		{"noendpoints", func(s *Responder) { s.Unserved.Endpoints = true }, "cart.shop.svc.cluster.local.", "0 service shop/cart has no endpoints here (noendpoints)"},
		{"explain off", func(s *Responder) { s.Explain = false }, "web.prod2.svc.cluster.local.", ""},
		{"not synced", func(s *Responder) { s.Store = zone.New(zone.Options{}) }, "web.shop.svc.cluster.local.", "14 not synced with the Kubernetes API yet"},
		{"not synced", func(s *Responder) { s.Store = zone.New(zone.Options{}) }, "cluster.local.", "14 not synced with the Kubernetes API yet"},
		{"fallthrough", func(s *Responder) { s.Fallthrough = []string{"."} }, "web.prod2.svc.cluster.local.", ""},
		{"a notice", stale, "web.shop.svc.cluster.local.", "3 the records are old"},
		{"a notice", stale, "10.in-addr.arpa.", "3 no records at this name, only at names below it; the records are old"},
		{"a notice", stale, "web.staging.svc.cluster.local.", `19 no such namespace "staging"; the records are old`},
	} {
		s, _ := shop(zone.Options{})
		tt.change(s)
		if got := explained(t, s, tt.name, wire.A); got != tt.want {
			t.Errorf("%s: %s:\n got %s\nwant %s", tt.what, tt.name, got, tt.want)
		}
	}
}

func verified(s *Responder) {
	other, _ := shop(zone.Options{Pods: zone.PodsVerified})
	s.Store, s.Unserved.Labels = other.Store, true
}

func stale(s *Responder) {
	s.Notice = func() wire.Error {
		return wire.Error{Set: true, Code: wire.StaleAnswer, Text: []byte("the records are old")}
	}
}

// TestExplainAllocates shows that a reason does not allocate once a Reply has its memory.
func TestExplainAllocates(t *testing.T) {
	s, _ := shop(zone.Options{Pods: zone.PodsVerified, Zonal: true})
	r := new(Reply)
	for _, tt := range questionsWhy {
		q, _ := s.Zones.Question(tt.name, tt.qtype)
		q.Size, q.EDNS = 1232, true
		if n := testing.AllocsPerRun(100, func() { s.Answer(&q, r) }); n != 0 {
			t.Errorf("%s %v: %v allocations", tt.name, tt.qtype, n)
		}
	}
}

// FuzzExplain asks for names of any bytes: the text is printable, and no longer than its names and a
// sentence.
func FuzzExplain(f *testing.F) {
	s, _ := shop(zone.Options{Pods: zone.PodsVerified, Zonal: true})
	f.Add([]byte("\x03web\x05prod2\x03svc"), uint16(1))
	f.Add([]byte("\x03a\"b\x03\x00.\xff\x03svc"), uint16(28))
	f.Add([]byte("\x04_\x00\\._\x04_tcp\x03web\x04shop\x03svc"), uint16(33))
	f.Fuzz(func(t *testing.T, labels []byte, qtype uint16) {
		for _, zone := range []string{"\x07cluster\x05local\x00", "\x07in-addr\x04arpa\x00"} {
			name, _, err := dns.UnpackDomainName(append(labels[:len(labels):len(labels)], zone...), 0)
			if err != nil {
				return
			}
			if _, ok := s.Zones.Question(name, 1); !ok {
				return
			}
			text := explained(t, s, name, wire.Type(qtype))
			if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 || len(text) > 350 {
				t.Errorf("%q: %q", name, text)
			}
		}
	})
}
