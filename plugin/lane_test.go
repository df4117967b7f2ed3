package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/lane"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
)

// packer is a ResponseWriter that keeps a reply as the bytes that it is sent as.
type packer struct {
	test.ResponseWriter
	reply []byte
}

func (p *packer) WriteMsg(m *dns.Msg) (err error) {
	p.reply, err = m.Pack()
	return err
}

// throughChain returns the answer of the server block, as CoreDNS sends it: behind udpFront, and
// cut by the ScrubWriter.
func throughChain(t testing.TB, k *Kubernetes, query []byte, tcp bool) *dns.Msg {
	t.Helper()
	r := new(dns.Msg)
	if err := r.Unpack(query); err != nil {
		t.Fatal(err)
	}
	w := &packer{ResponseWriter: test.ResponseWriter{TCP: tcp}}
	front := &udpFront{k: k, next: k}
	if rcode, err := front.ServeDNS(context.Background(), request.NewScrubWriter(r, w), r); err != nil || w.reply == nil {
		t.Fatalf("%v: %s, %v", r.Question, dns.RcodeToString[rcode], err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(w.reply); err != nil {
		t.Fatal(err)
	}
	return m
}

// laneOf returns a lane over the block of k, for all its zones.
func laneOf(k *Kubernetes) (*lane.Lane, *lane.Table) {
	b := &lane.Block{Responder: &k.responder, UDPSize: int(k.udpSize)}
	var zones []lane.Zone
	for _, z := range k.responder.Zones {
		zones = append(zones, lane.Zone{Name: z.Name, Block: b})
	}
	return &lane.Lane{Cookies: cookie.New([16]byte{1}), Idle: 10 * time.Second}, lane.NewTable(zones)
}

// throughLane returns the lane's answer, or nil if it passes the query on.
func throughLane(t testing.TB, l *lane.Lane, table *lane.Table, query []byte, tcp bool) *dns.Msg {
	t.Helper()
	c := listen.NewClient(netip.MustParseAddrPort("10.240.0.1:40212"), netip.MustParseAddrPort("10.0.0.53:53"), tcp, nil)
	reply, v := l.Answer(table, []byte("xx"), query, c)
	if v.Outcome == lane.PassedOn {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply[2:]); err != nil {
		t.Fatalf("%x: %v", reply[2:], err)
	}
	return m
}

// random is a cluster with Services of all kinds and sizes, and the names that it has.
type random struct {
	*rand.Rand
	names []string
}

func (r *random) pick(list ...string) string { return list[r.IntN(len(list))] }

// label returns a label that begins with prefix, of any length.
func (r *random) label(prefix string, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := []byte(prefix + fmt.Sprint(n))
	for range r.IntN(1 + r.IntN(30)) {
		b = append(b, letters[r.IntN(len(letters))])
	}
	return string(b)
}

// fill writes a cluster to the store.
func (r *random) fill(k *Kubernetes, w *zone.Writer) {
	for i := range 3 {
		namespace := r.label("ns", i)
		w.SetNamespace(namespace)
		for j := range 40 {
			for _, z := range k.responder.Zones {
				if !z.Reverse {
					r.service(w, z, namespace, j)
				}
			}
		}
	}
}

// service writes one Service and its slices.
func (r *random) service(w *zone.Writer, z reply.Zone, namespace string, n int) {
	key := zone.Key{Namespace: namespace, Name: r.label("s", n)}
	s := &zone.Service{Key: key, Kind: zone.Kind(r.IntN(3))}
	for i := range 1 + r.IntN(3) {
		s.Ports = append(s.Ports, zone.Port{Name: r.pick("http", "dns"+fmt.Sprint(i), ""), Protocol: r.pick("tcp", "udp"), Number: uint16(1000 + i)})
	}
	name := key.Name + "." + namespace + ".svc." + z.Name
	if z.Name == "." {
		name = key.Name + "." + namespace + ".svc."
	}
	r.names = append(r.names, name, "_http._tcp."+name, "_tcp."+name, "missing."+name)
	switch s.Kind {
	case zone.ExternalName:
		s.Target = r.pick("Example.com", "example.com.", "web.ns.svc.Cluster.local", strings.Repeat("long-label.", 20)+"com")
	case zone.ClusterIP:
		s.Addrs = append(s.Addrs, r.addr(n), r.addr6(n))[:1+r.IntN(2)]
	case zone.Headless:
		r.slices(w, z.Set, s, name)
	}
	w.SetService(z.Set, s)
}

func (r *random) addr(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(r.IntN(200)), byte(n), byte(r.IntN(250))})
}

func (r *random) addr6(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 1: byte(r.IntN(3)), 14: byte(n), 15: byte(r.IntN(250))})
}

// slices writes the endpoints of a Service. Where there are too many for a reply, which begins
// anywhere then, all names take as many bytes, so that as many of them fit.
func (r *random) slices(w *zone.Writer, set zone.Set, s *zone.Service, name string) {
	total := []int{0, 1, 2, 5, 12, 20, 60, 700, 2500}[r.IntN(9)]
	for i := range min(3, total) {
		sl := &zone.Slice{SliceKey: zone.SliceKey{Namespace: s.Namespace, Name: fmt.Sprint(s.Name, i)}, Service: s.Key, Ports: s.Ports}
		if set == zone.Imported {
			sl.Cluster = "cluster" + fmt.Sprint(i)
		}
		for j := range total/3 + 1 {
			e := zone.Endpoint{Addr: netip.AddrFrom4([4]byte{100, byte(100 + i), byte(100 + j/100), byte(100 + j%100)})}
			if min(3, total)*(total/3+1)*len(s.Ports) <= 16 {
				e.Host = r.pick("", r.label("host", j), "db-0")
				e.Addr = [...]netip.Addr{r.addr(j), r.addr6(j)}[r.IntN(2)]
			} else if total == 60 {
				e.Host = fmt.Sprint("host-", 100*(i+1)+j)
			}
			sl.Endpoints = append(sl.Endpoints, e)
		}
		r.names = append(r.names, reverse(sl.Endpoints[0].Addr))
		zone.SortEndpoints(sl.Endpoints, nil)
		w.SetSlice(set, sl)
		r.names = append(r.names, name, "_http._tcp."+name, sl.Endpoints[0].Label()+"."+name)
	}
}

func reverse(a netip.Addr) string {
	name, _ := dns.ReverseAddr(a.String())
	return name
}

// name returns a name to ask for, in any letter case.
func (r *random) name() string {
	name := r.names[r.IntN(len(r.names))]
	switch r.IntN(8) {
	case 0:
		name = r.pick("cluster.local.", "svc.cluster.local.", "dns-version.cluster.local.", "ns.dns.cluster.local.", "dns.cluster.local.",
			"in-addr.arpa.", "10.in-addr.arpa.", "api.github.com.ns.svc.cluster.local.", "com.cluster.local.", "clusterset.local.",
			"ns.dns.in-addr.arpa.", "10-240-0-1.ns.pod.cluster.local.", "ns.svc.cluster.local.", `a\.b.cluster.local.`)
	case 1:
		name = "x." + name
	}
	if r.IntN(3) > 0 {
		return name
	}
	b := []byte(name)
	for i, c := range b {
		if r.IntN(2) == 0 && 'a' <= c && c <= 'z' {
			b[i] = c - 32
		}
	}
	return string(b)
}

// query returns a query and whether it comes over TCP.
func (r *random) query(t testing.TB) (query []byte, tcp bool) {
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeSRV, dns.TypePTR, dns.TypeNS, dns.TypeSOA, dns.TypeTXT, dns.TypeCNAME, dns.TypeANY, dns.TypeMX, dns.TypeHTTPS}
	m := new(dns.Msg)
	m.SetQuestion(r.name(), types[r.IntN(len(types))])
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
	if r.IntN(3) > 0 {
		m.SetEdns0([]uint16{0, 512, 600, 1232, 4096, uint16(512 + r.IntN(2000))}[r.IntN(6)], r.IntN(2) == 0)
	}
	query, err := m.Pack()
	if err != nil {
		t.Fatalf("%v: %v", m.Question, err)
	}
	return query, r.IntN(3) == 0
}

// TestLane asks the lane and the server block the same questions: the answers are the same records
// in the same sections, with the same flags and the same extended error, cut at the same place.
func TestLane(t *testing.T) {
	root := testConfig()
	root.zones = []string{"."}
	bufsize, notice := testConfig(), testConfig()
	for name, cfg := range map[string]*config{"": testConfig(), "the root": root, "bufsize": bufsize, "a notice": notice} {
		t.Run(name, func(t *testing.T) {
			k, w := testHandler(cfg)
			if cfg == bufsize {
				k.udpSize = 65535
			}
			if cfg == notice {
				k.responder.Notice = func() wire.Error {
					return wire.Error{Set: true, Code: wire.StaleAnswer, Text: []byte("the records are old")}
				}
			}
			r := &random{Rand: rand.New(rand.NewPCG(1, 2))}
			r.fill(k, w)
			l, table := laneOf(k)
			passed, cut, noted := 0, 0, 0
			for range 10000 {
				query, tcp := r.query(t)
				got := throughLane(t, l, table, query, tcp)
				if got == nil {
					passed++
					continue
				}
				want := throughChain(t, k, query, tcp)
				if want.Truncated {
					cut++
				}
				if o := want.IsEdns0(); o != nil && len(o.Option) > 0 {
					noted++
				}
				if a, b := said(got), said(want); a != b {
					t.Fatalf("TCP %v, %v\n%s\nwant\n%s", tcp, want.Question, a, b)
				}
				if got.Truncated && !tcp {
					among(t, got, throughChain(t, k, query, true))
				}
			}
			if passed > 2000 || cut < 100 || cfg == notice && noted < 5000 {
				t.Errorf("%d passed on, %d cut, %d with a notice", passed, cut, noted)
			}
		})
	}
}

// TestLaneFar asks for answers so long that no pointer reaches back to the name of an endpoint, and
// that are cut among the addresses all the same.
func TestLaneFar(t *testing.T) {
	k, w := testHandler(testConfig())
	l, table := laneOf(k)
	for n := 200; n <= 320; n += 17 {
		for set, zoneName := range map[zone.Set]string{zone.Local: "cluster.local.", zone.Imported: "clusterset.local."} {
			key := zone.Key{Namespace: "ns", Name: "far"}
			w.SetService(set, &zone.Service{Key: key, Kind: zone.Headless})
			for i := range 3 {
				sl := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: fmt.Sprint(n, "-", i)}, Service: key, Ports: []zone.Port{{Name: "p", Protocol: "tcp", Number: 1}}}
				if set == zone.Imported {
					sl.Cluster = fmt.Sprint("cluster-", i)
				}
				for j := range n {
					sl.Endpoints = append(sl.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, byte(100 + i), byte(j / 250), byte(j % 250)}), Host: fmt.Sprint("a-long-label-", i, "-", 1000+j)})
				}
				w.SetSlice(set, sl)
			}
			m := new(dns.Msg)
			m.SetQuestion("FAR.ns.svc."+zoneName, dns.TypeSRV)
			query, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if a, b := said(throughLane(t, l, table, query, true)), said(throughChain(t, k, query, true)); a != b {
				t.Fatalf("%d endpoints:\n%.300s\nwant\n%.300s", 3*n, a, b)
			}
			for i := range 3 {
				w.DeleteSlice(set, zone.SliceKey{Namespace: "ns", Name: fmt.Sprint(n, "-", i)})
			}
		}
	}
}

// among shows that what is left of an answer that was cut is part of the whole answer, unless that is
// cut as well.
func among(t *testing.T, part, whole *dns.Msg) {
	t.Helper()
	all := map[string]bool{}
	for _, rr := range slices.Concat(whole.Answer, whole.Extra) {
		all[rr.String()] = true
	}
	for _, rr := range slices.Concat(part.Answer, part.Extra) {
		if !whole.Truncated && rr.Header().Rrtype != dns.TypeOPT && !all[rr.String()] {
			t.Fatalf("%v is not among\n%v", rr, whole)
		}
	}
}

// said is what an answer says, whatever the order of its records. Where it is cut, which records are
// left is chance, and only their number counts.
func said(m *dns.Msg) string {
	out := []string{fmt.Sprint(m.MsgHdr, m.Question)}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		var list []string
		for _, rr := range section {
			switch rr := rr.(type) {
			case *dns.OPT:
				rr.Hdr.Class = 1232 // CoreDNS says the client's size
			case *dns.SOA:
				rr.Serial = 0 // moves with the time
			}
			list = append(list, rr.String())
		}
		if m.Truncated {
			list = []string{fmt.Sprint(len(list), " records")}
		}
		slices.SortFunc(list, cmp.Compare)
		out = append(out, strings.Join(list, "\n"))
	}
	return strings.Join(out, "\n--\n")
}
