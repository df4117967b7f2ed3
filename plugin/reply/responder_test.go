package reply

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

func addrs(list ...string) (as []netip.Addr) {
	for _, s := range list {
		as = append(as, netip.MustParseAddr(s))
	}
	return as
}

// responder answers for a small cluster.
func responder() *Responder {
	s := &Responder{
		Store:       zone.New(zone.Options{}),
		Zones:       NewZones([]string{"cluster.local.", "in-addr.arpa."}, nil),
		TTL:         400,
		Fallthrough: []string{"in-addr.arpa."},
		Addrs:       addrs("10.0.0.53"),
	}
	w, http := zone.NewWriter(s.Store), []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}, {Name: "alt", Protocol: "tcp", Number: 81}}
	w.SetNamespace("ns")
	key := func(name string) zone.Key { return zone.Key{Namespace: "ns", Name: name} }
	w.SetService(zone.Local, &zone.Service{Key: key("web"), Addrs: addrs("10.96.0.20", "fd00::20"), Ports: http})
	w.SetService(zone.Local, &zone.Service{Key: key("ext"), Kind: zone.ExternalName, Target: "example.com"})
	w.SetService(zone.Local, &zone.Service{Key: key("db"), Kind: zone.Headless})
	w.SetSlice(zone.Local, &zone.Slice{
		SliceKey: zone.SliceKey{Namespace: "ns", Name: "db-1"}, Service: key("db"), Ports: http,
		Endpoints: []zone.Endpoint{
			{Addr: addrs("10.0.0.1")[0], Host: "db-0"}, {Addr: addrs("10.0.0.2")[0]}, {Addr: addrs("10.0.0.3")[0], Host: "10-0-0-2"},
		},
	})
	w.SetSynced()
	return s
}

// text is a reply in one line: response code, answer section, additional section.
func (r *Reply) text() string {
	a := &r.Answer
	out := fmt.Sprint(r.Rcode)
	switch {
	case r.PassOn:
		return out + " passed on"
	case a.Type == 0:
		return out + fmt.Sprintf(" SOA %s %s %s %d %d", r.SOA.Origin, r.SOA.MName(), r.SOA.RName(), r.SOA.TTL, r.SOA.Minimum)
	}
	out += fmt.Sprintf(" type %d TTL %d", a.Type, a.TTL)
	for _, addr := range a.Addrs {
		out += " " + addr.String()
	}
	for i := range a.Names {
		out += " " + string(a.Names[i].AppendTo(nil, a.Origin))
		if a.Type == wire.SRV {
			out += fmt.Sprintf(":%d/%d", a.Ports[i], a.Weight)
		}
	}
	switch a.Type {
	case wire.CNAME:
		out += fmt.Sprintf(" %s follow=%v", a.Target, r.Follow)
	case wire.TXT:
		out += " " + a.Text
	}
	for _, e := range r.Extra {
		out += fmt.Sprintf(" [%d %v]", e.Name, e.Addr)
	}
	return out
}

var questions = []struct {
	name  string
	qtype wire.Type
	want  string
}{
	{"web.ns.svc.cluster.local.", wire.A, "NOERROR type 1 TTL 400 10.96.0.20"},
	{"web.ns.svc.cluster.local.", wire.MX, "NOERROR SOA cluster.local. ns.dns.cluster.local. hostmaster.cluster.local. 300 400"},
	{"Web.ns.svc.Cluster.local.", wire.MX, "NOERROR SOA Cluster.local. ns.dns.Cluster.local. hostmaster.Cluster.local. 300 400"},
	{"gone.ns.svc.cluster.local.", wire.A, "NXDOMAIN SOA cluster.local. ns.dns.cluster.local. hostmaster.cluster.local. 300 400"},
	{"9.9.9.9.in-addr.arpa.", wire.PTR, "NXDOMAIN passed on"},
	{"web.ns.svc.cluster.local.", wire.SRV, "NOERROR type 33 TTL 400 web.ns.svc.cluster.local.:80/25 web.ns.svc.cluster.local.:81/25 [0 10.96.0.20] [0 fd00::20]"},
	{"_http._tcp.db.ns.svc.cluster.local.", wire.SRV, "NOERROR type 33 TTL 400 db-0.db.ns.svc.cluster.local.:80/33 " +
		"10-0-0-2.db.ns.svc.cluster.local.:80/33 [0 10.0.0.1] [1 10.0.0.2] [1 10.0.0.3]"}, // two endpoints have one name
	{"10-0-0-2.db.ns.svc.cluster.local.", wire.A, "NOERROR type 1 TTL 400 10.0.0.2 10.0.0.3"},
	{"ext.ns.svc.cluster.local.", wire.A, "NOERROR type 5 TTL 400 example.com follow=true"},
	{"ext.ns.svc.cluster.local.", wire.CNAME, "NOERROR type 5 TTL 400 example.com follow=false"},
	{"1.0.0.10.in-addr.arpa.", wire.PTR, "NOERROR type 12 TTL 400 db-0.db.ns.svc.cluster.local."},
	{"dns-version.cluster.local.", wire.TXT, "NOERROR type 16 TTL 28800 1.1.0"},
	{"cluster.local.", wire.NS, "NOERROR type 2 TTL 400 ns.dns.cluster.local. [0 10.0.0.53]"},
	{"ns.dns.cluster.local.", wire.A, "NOERROR type 1 TTL 400 10.0.0.53"},
	{"ns.dns.in-addr.arpa.", wire.A, "NOERROR type 1 TTL 400 10.0.0.53"},
}

// TestAnswer uses one Reply for many questions. Nothing of one reply is left in the next.
func TestAnswer(t *testing.T) {
	s, r := responder(), new(Reply)
	for range 2 {
		for _, tt := range questions {
			q, ok := s.Zones.Question(tt.name, tt.qtype)
			if !ok {
				t.Fatal(tt.name)
			}
			q.Size = 1232
			if s.Answer(&q, r); r.text() != tt.want {
				t.Errorf("%s %d:\n got %s\nwant %s", tt.name, tt.qtype, r.text(), tt.want)
			}
		}
	}
	s.Store = zone.New(zone.Options{})
	q, _ := s.Zones.Question("1.0.0.10.in-addr.arpa.", wire.PTR)
	if s.Answer(&q, r); r.Rcode != wire.ServFail || r.PassOn {
		t.Errorf("not synced: %s", r.text())
	}
}

// TestStale answers from records that may be old: their TTL is short, as is that of denials (RFC 8767,
// section 5).
func TestStale(t *testing.T) {
	s, r := responder(), new(Reply)
	s.Store = zone.New(zone.Options{})
	w := zone.NewWriterAsOf(s.Store, time.Now())
	w.SetNamespace("ns")
	w.SetService(zone.Local, &zone.Service{Key: zone.Key{Namespace: "ns", Name: "web"}, Addrs: addrs("10.96.0.20")})
	w.SetSynced()
	for name, want := range map[string]string{
		"web.ns.svc.cluster.local.": "NOERROR type 1 TTL 5 10.96.0.20",
		"no.ns.svc.cluster.local.":  "NXDOMAIN SOA cluster.local. ns.dns.cluster.local. hostmaster.cluster.local. 5 5",
	} {
		q, _ := s.Zones.Question(name, wire.A)
		q.Size = 1232
		if s.Answer(&q, r); r.text() != want {
			t.Errorf("%s:\n got %s\nwant %s", name, r.text(), want)
		}
		s.TTL = 3 // if it is shorter anyway, it stays
		if s.Answer(&q, r); r.Answer.TTL != 3 {
			t.Errorf("%s: TTL %d", name, r.Answer.TTL)
		}
		s.TTL = 400
	}
}

// TestAnswerAllocates shows that Answer does not allocate once a Reply has its memory, so that a
// front that writes bytes need not either. The list of a zone's servers is made anew each time.
func TestAnswerAllocates(t *testing.T) {
	s, r := responder(), new(Reply)
	for _, tt := range questions {
		q, _ := s.Zones.Question(tt.name, tt.qtype)
		q.Size = 1232
		if tt.qtype == wire.NS || q.nameServer() {
			continue
		}
		if n := testing.AllocsPerRun(100, func() { s.Answer(&q, r) }); n != 0 {
			t.Errorf("%s %d: %v allocations", tt.name, tt.qtype, n)
		}
	}
}

// TestRoom asks for more than fits: the reply says that it is truncated, and begins with another
// endpoint at times.
func TestRoom(t *testing.T) {
	s, r := responder(), new(Reply)
	w := zone.NewWriter(s.Store)
	key := zone.Key{Namespace: "ns", Name: "big"}
	sl := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: "big"}, Service: key}
	for i := range 200 {
		sl.Endpoints = append(sl.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})})
	}
	w.SetNamespace("ns")
	w.SetService(zone.Local, &zone.Service{Key: key, Kind: zone.Headless})
	w.SetSlice(zone.Local, sl)
	w.SetSynced()
	q, _ := s.Zones.Question("big.ns.svc.cluster.local.", wire.A)
	q.Size = 1232
	var first []netip.Addr
	for range 100 {
		s.Answer(&q, r)
		if !r.Truncated || len(r.Answer.Addrs) != (1232-12-26-4)/sizeA+1 {
			t.Fatalf("truncated %v, %d addresses", r.Truncated, len(r.Answer.Addrs))
		}
		if a := r.Answer.Addrs[0]; !slices.Contains(first, a) {
			first = append(first, a)
		}
	}
	if len(first) < 2 {
		t.Errorf("every reply begins with %v", first)
	}
	q.Size = wire.MaxMessage
	if s.Answer(&q, r); r.Truncated || len(r.Answer.Addrs) != 200 {
		t.Errorf("with room for all: truncated %v, %d addresses", r.Truncated, len(r.Answer.Addrs))
	}
}
