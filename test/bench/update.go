package main

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/neardns/neardns/plugin/zone"
)

// measureUpdate adds rows for the cost of one changed endpoint in the store. The endpoint belongs
// to a headless Service of ten endpoints, and then to one of 5,000 in slices of 100; the store has
// 100,000 others. The two take turns, and the best figure of each counts: all above that is noise.
func measureUpdate(t *table) {
	small, big := newUpdate(10, 10), newUpdate(5000, 100)
	var took [2][]float64
	for range 5 {
		took[0] = append(took[0], small.measure())
		took[1] = append(took[1], big.measure())
	}
	t.add(row{what: "slice update, Service of 10 endpoints, us", ours: slices.Min(took[0])})
	t.add(row{what: "slice update, Service of 5,000 endpoints, us", ours: slices.Min(took[1])})
}

// update changes one slice to and fro: each change undoes the one before.
type update struct {
	writer *zone.Writer
	states [2]*zone.Slice
}

func newUpdate(endpoints, perSlice int) *update {
	w := zone.NewWriter(zone.New(zone.Options{}))
	w.SetNamespace("ns")
	for i := range 1000 {
		fillStore(w, fmt.Sprint("other-", i), 10<<24+100*i, 100, 100)
	}
	fillStore(w, "db", 11<<24, endpoints, perSlice)
	w.SetSynced()
	u := &update{writer: w}
	for i := range u.states {
		u.states[i] = storeSlice("db", 0, 11<<24, perSlice)
		u.states[i].Endpoints[perSlice-1].Addr = addr4(12<<24 + i)
	}
	return u
}

func (u *update) measure() (us float64) {
	r := testing.Benchmark(func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			u.writer.SetSlice(zone.Local, u.states[i%2])
		}
	})
	return float64(r.NsPerOp()) / 1000
}

// fillStore writes a headless Service and its slices.
func fillStore(w *zone.Writer, name string, base, endpoints, perSlice int) {
	w.SetService(zone.Local, &zone.Service{Key: zone.Key{Namespace: "ns", Name: name}, Kind: zone.Headless})
	for i := range endpoints / perSlice {
		w.SetSlice(zone.Local, storeSlice(name, i, base, perSlice))
	}
}

func storeSlice(service string, i, base, perSlice int) *zone.Slice {
	s := &zone.Slice{
		SliceKey: zone.SliceKey{Namespace: "ns", Name: fmt.Sprint(service, "-", i)},
		Service:  zone.Key{Namespace: "ns", Name: service},
	}
	for j := range perSlice {
		s.Endpoints = append(s.Endpoints, zone.Endpoint{Addr: addr4(base + i*perSlice + j)})
	}
	return s
}

func addr4(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
