package lane

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/plugin/reply"
	"github.com/neardns/neardns/plugin/zone"
)

func addrs(list ...string) (as []netip.Addr) {
	for _, s := range list {
		as = append(as, netip.MustParseAddr(s))
	}
	return as
}

// cluster returns the block of a small cluster.
func cluster() *Block {
	s := &reply.Responder{
		Store:       zone.New(zone.Options{}),
		Zones:       reply.NewZones([]string{"cluster.local.", "in-addr.arpa."}, nil),
		TTL:         5,
		Fallthrough: []string{"in-addr.arpa."},
		Addrs:       addrs("10.0.0.53"),
		Explain:     true,
	}
	w, http := zone.NewWriter(s.Store), []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}}
	w.SetNamespace("ns")
	key := func(name string) zone.Key { return zone.Key{Namespace: "ns", Name: name} }
	w.SetService(zone.Local, &zone.Service{Key: key("web"), Addrs: addrs("10.96.0.20", "fd00::20"), Ports: http})
	w.SetService(zone.Local, &zone.Service{Key: key("ext"), Kind: zone.ExternalName, Target: "Example.com"})
	w.SetService(zone.Local, &zone.Service{Key: key("odd"), Kind: zone.ExternalName, Target: `a\.b.example.com`})
	for name, n := range map[string]int{"db": 50, "pair": 2} {
		sl := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: name}, Service: key(name), Ports: http}
		for i := range n {
			sl.Endpoints = append(sl.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 1, byte(n), byte(i)}), Host: fmt.Sprint(name, "-", i)})
		}
		w.SetService(zone.Local, &zone.Service{Key: key(name), Kind: zone.Headless})
		w.SetSlice(zone.Local, sl)
	}
	w.SetSynced()
	return &Block{Responder: s, UDPSize: 1232}
}

// newLane returns a Lane, and a Table of the block at all names but those below other.cluster.local.
func newLane(b *Block) (*Lane, *Table) {
	return &Lane{Cookies: cookie.New([16]byte{1}), Idle: 10 * time.Second},
		NewTable([]Zone{{Name: ".", Block: b}, {Name: "other.cluster.local."}})
}

func client(tcp bool) *listen.Client {
	return listen.NewClient(netip.MustParseAddrPort("10.240.0.1:40212"), netip.MustParseAddrPort("10.0.0.53:53"), tcp, nil)
}

// question returns a query. Each option changes it.
func question(name string, qtype uint16, options ...func(*dns.Msg)) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.Id = 4711
	for _, o := range options {
		o(m)
	}
	return m
}

// edns adds an OPT record with options.
func edns(size uint16, options ...dns.EDNS0) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.SetEdns0(size, false)
		o := m.IsEdns0()
		o.Option = append(o.Option, options...)
	}
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answer returns the answer to a query, nil if there is none.
func answer(t testing.TB, l *Lane, table *Table, query []byte, c *listen.Client) (*dns.Msg, Verdict) {
	t.Helper()
	reply, v := l.Answer(table, []byte("before"), query, c)
	if string(reply[:6]) != "before" {
		t.Fatal("dst was changed")
	}
	if replied := v.Outcome == Answered || v.Outcome == Refused; replied != (len(reply) > 6) {
		t.Fatalf("%+v: %d bytes", v, len(reply)-6)
	}
	if len(reply) == 6 {
		return nil, v
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply[6:]); err != nil {
		t.Fatalf("%x: %v", reply[6:], err)
	}
	return m, v
}
