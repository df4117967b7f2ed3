package main

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/neardns/neardns/plugin/zone"
)

// measureUpdate adds rows for what it costs the store that one endpoint of a slice of ten
// changes, in a headless Service of ten endpoints and in one of 5,000.
func measureUpdate(t *table) {
	for _, endpoints := range []int{10, 5000} {
		r := testing.Benchmark(func(b *testing.B) { benchmarkUpdate(b, endpoints) })
		t.add(row{what: fmt.Sprintf("slice update, Service of %d endpoints, us", endpoints), ours: float64(r.NsPerOp()) / 1000})
	}
}

func benchmarkUpdate(b *testing.B, endpoints int) {
	w := zone.NewWriter(zone.New(zone.Options{}))
	key := zone.Key{Namespace: "ns", Name: "db"}
	w.SetNamespace("ns")
	w.SetService(zone.Local, &zone.Service{Key: key, Kind: zone.Headless})
	const each = 10
	newSlice := func(i, turn int) *zone.Slice {
		s := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: fmt.Sprint(i)}, Service: key}
		for j := range each {
			s.Endpoints = append(s.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), byte(j)})})
		}
		s.Endpoints[each-1].Addr = netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), byte(each + turn%100)})
		return s
	}
	for i := range endpoints / each {
		w.SetSlice(zone.Local, newSlice(i, 0))
	}
	w.SetSynced()
	next := [2]*zone.Slice{newSlice(0, 1), newSlice(0, 2)}
	for i := 0; b.Loop(); i++ {
		w.SetSlice(zone.Local, next[i%2])
	}
}
