package kubernetes

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/plugin/zone"
)

// discard is a ResponseWriter that drops all replies.
type discard struct{ test.ResponseWriter }

func (*discard) WriteMsg(*dns.Msg) error { return nil }

// RemoteAddr returns the same address each time, without allocating, as CoreDNS's own writer does.
func (*discard) RemoteAddr() net.Addr { return benchClient }

var benchClient = &net.UDPAddr{IP: net.IPv4(10, 240, 0, 1), Port: 40212}

// benchCluster returns a handler over a cluster with a headless Service of 50 endpoints.
func benchCluster() *Kubernetes {
	k, w := testHandler(testConfig())
	s := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: "big-1"}, Service: zone.Key{Namespace: "ns", Name: "big"},
		Ports: []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}}}
	for i := range 50 {
		s.Endpoints = append(s.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), Host: fmt.Sprint("big-", i)})
	}
	w.SetService(zone.Local, &zone.Service{Key: s.Service, Kind: zone.Headless})
	w.SetSlice(zone.Local, s)
	return k
}

// benchQuestions are the commonest questions, and two with long answers.
func benchQuestions(b *testing.B, run func(b *testing.B, m *dns.Msg)) {
	for _, q := range []struct{ name, typ string }{
		{"web.ns.svc.cluster.local.", "A"}, {"api.github.com.ns.svc.cluster.local.", "A"},
		{"big.ns.svc.cluster.local.", "A"}, {"_http._tcp.big.ns.svc.cluster.local.", "SRV"}, {"2.0.0.10.in-addr.arpa.", "PTR"},
	} {
		m := new(dns.Msg)
		m.SetQuestion(q.name, dns.StringToType[q.typ])
		m.SetEdns0(4096, false)
		b.Run(q.typ+" "+q.name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, m)
		})
	}
}

// BenchmarkServeDNS measures the handler alone; `make bench` measures it beside stock's.
func BenchmarkServeDNS(b *testing.B) {
	k := benchCluster()
	benchQuestions(b, func(b *testing.B, m *dns.Msg) {
		w := &discard{}
		for b.Loop() {
			k.ServeDNS(context.Background(), w, m)
		}
	})
}

// BenchmarkLane measures the same answers as bytes, over UDP and, where all of it has room, over TCP.
func BenchmarkLane(b *testing.B) {
	k := benchCluster()
	l, table := laneOf(k)
	for _, tcp := range []bool{false, true} {
		c := listen.NewClient(netip.MustParseAddrPort("10.240.0.1:40212"), netip.MustParseAddrPort("10.0.0.53:53"), tcp, nil)
		b.Run(map[bool]string{false: "UDP", true: "TCP"}[tcp], func(b *testing.B) {
			benchQuestions(b, func(b *testing.B, m *dns.Msg) {
				query, err := m.Pack()
				if err != nil {
					b.Fatal(err)
				}
				buf := make([]byte, 0, 1<<16)
				for b.Loop() {
					l.Answer(table, buf, query, c)
				}
			})
		})
	}
}
