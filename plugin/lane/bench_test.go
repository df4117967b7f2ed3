package lane

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// Of the measured cluster: 6,000 Services with 100,000 endpoints, as in test/bench/services.
const (
	benchServices = 5000
	benchHeadless = 1000
)

// benchCluster returns the block of the measured cluster.
func benchCluster() *Block {
	b := cluster()
	b.Rotate = true
	w, http := zone.NewWriter(b.Responder.Store), []zone.Port{{Name: "http", Protocol: "tcp", Number: 80}}
	write := func(name string, i, base, endpoints int, s zone.Service) {
		s.Key = zone.Key{Namespace: fmt.Sprint("team-", i%100), Name: fmt.Sprint(name, i)}
		w.SetNamespace(s.Namespace)
		w.SetService(zone.Local, &s)
		sl := &zone.Slice{SliceKey: zone.SliceKey{Namespace: s.Namespace, Name: s.Name + "-1"}, Service: s.Key, Ports: http}
		for j := range endpoints {
			e := zone.Endpoint{Addr: addr4(base + i*endpoints + j)}
			if s.Kind == zone.Headless && i%2 == 0 { // of a StatefulSet
				e.Host = fmt.Sprint(s.Name, "-", j)
			}
			sl.Endpoints = append(sl.Endpoints, e)
		}
		w.SetSlice(zone.Local, sl)
	}
	for _, i := range rand.Perm(benchServices) {
		write("service-", i, 10<<24, 10, zone.Service{Addrs: []netip.Addr{addr4(10<<24 | 96<<16 | i)}, Ports: http})
	}
	for _, i := range rand.Perm(benchHeadless) {
		write("headless-", i, 10<<24|16<<16, 50, zone.Service{Kind: zone.Headless})
	}
	w.SetSynced()
	return b
}

func addr4(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// BenchmarkAnswer measures answers at names of the measured cluster in random order, so that hardly any
// of their records is in the processor's cache.
func BenchmarkAnswer(b *testing.B) {
	l, table := newLane(benchCluster())
	for _, bb := range []struct {
		what string
		n    int
		ask  func(i int) *dns.Msg
	}{
		{"ClusterIP A", benchServices, func(i int) *dns.Msg {
			return question(fmt.Sprintf("service-%d.team-%d.svc.cluster.local.", i, i%100), dns.TypeA)
		}},
		{"search-path NXDOMAIN", benchServices, func(i int) *dns.Msg {
			return question(fmt.Sprintf("api-%d.example.com.team-%d.svc.cluster.local.", i/100, i%100), dns.TypeA)
		}},
		{"search-path NXDOMAIN, with the reason", benchServices, func(i int) *dns.Msg {
			return question(fmt.Sprintf("api-%d.example.com.team-%d.svc.cluster.local.", i/100, i%100), dns.TypeA, edns(1232))
		}},
		{"wrong Service, guessing", benchServices, func(i int) *dns.Msg { // a flood: only some are guessed
			return question(fmt.Sprintf("wrong-%d.team-%d.svc.cluster.local.", i, i%100), dns.TypeA, edns(1232))
		}},
		{"endpoint PTR", 50 * benchHeadless, func(i int) *dns.Msg {
			a := addr4(10<<24 | 16<<16 + i).As4()
			return question(fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", a[3], a[2], a[1], a[0]), dns.TypePTR)
		}},
		{"headless A, 50 endpoints", benchHeadless, func(i int) *dns.Msg {
			return question(fmt.Sprintf("headless-%d.team-%d.svc.cluster.local.", i, i%100), dns.TypeA, edns(1232))
		}},
		{"headless SRV, 50 endpoints, cut", benchHeadless, func(i int) *dns.Msg {
			return question(fmt.Sprintf("_http._tcp.headless-%d.team-%d.svc.cluster.local.", i, i%100), dns.TypeSRV, edns(1232))
		}},
	} {
		b.Run(bb.what, func(b *testing.B) {
			var queries [][]byte
			for _, i := range rand.Perm(bb.n) {
				queries = append(queries, pack(b, bb.ask(i)))
			}
			buf, query, c, i := make([]byte, 0, 1<<16), make([]byte, 0, 512), client(false), 0
			b.ReportAllocs()
			for b.Loop() {
				query = append(query[:0], queries[i%len(queries)]...) // as the kernel has just written it
				if _, v := l.Answer(table, buf, query, c); v.Outcome != Answered {
					b.Fatal(v)
				}
				i++
			}
		})
	}
}
