package zone

import (
	"fmt"
	"net/netip"
	"testing"
)

// BenchmarkLookup measures a lookup and the reading of its addresses.
func BenchmarkLookup(b *testing.B) {
	s, w := cluster(Options{Pods: PodsVerified, Zonal: true})
	big := &Slice{SliceKey: SliceKey{"ns", "big-1"}, Service: Key{"ns", "big"}, Ports: []Port{{Name: "http", Protocol: "tcp", Number: 80}}}
	for i := range 100 {
		big.Endpoints = append(big.Endpoints, Endpoint{Addr: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})})
		if i < 50 {
			big.Endpoints[i].Host = fmt.Sprint("big-", i)
		}
	}
	w.SetService(Local, &Service{Key: big.Service, Kind: Headless})
	w.SetSlice(Local, big)
	for _, name := range []string{
		"web.ns.svc", "api.github.com.ns.svc", "db-0.db.ns.svc", "_sql._tcp.db.ns.svc", "big.ns.svc", "big-9.big.ns.svc", "10-1-0-99.big.ns.svc",
		"a.pin._zone.db.ns.svc", "10-0-0-9.ns.pod",
	} {
		b.Run(name, func(b *testing.B) {
			buf := make([]netip.Addr, 0, 128)
			b.ReportAllocs()
			for b.Loop() {
				r := s.Lookup(Local, name)
				buf = r.AppendAddrs(buf[:0], true, 128)
			}
		})
	}
}
