package upstream

import (
	"sync"
	"testing"
)

// poolsLose reports whether a sync.Pool forgets at random, as it does under the race detector.
func poolsLose() bool {
	var p sync.Pool
	for range 100 {
		p.Put(new(int))
		if p.Get() == nil {
			return true
		}
	}
	return false
}

// An Exchange over TCP allocates nothing, neither in the caller's goroutine nor where queries are
// written and answers are read. One over UDP allocates
//
//	 2  the datagram with its query, and its goroutine
//	 2  to wait for its socket
//	15  in package net: a socket, its addresses, and these as text
func TestAllocations(t *testing.T) {
	lost := 0.0
	if poolsLose() {
		lost = 2 // a new call in place of one that the pool forgot: with its timer, channel and asks
	}
	server := alone(t)
	for proto, most := range map[Proto]float64{TCP: 0, UDP: 19} {
		fwd := forward(t, Config{Servers: []Endpoint{{Addr: server, Proto: proto}}})
		q, dst := queryFor(t, "service.namespace.svc.cluster.local"), make([]byte, 0, 512)
		n := testing.AllocsPerRun(2000, func() {
			if _, err := fwd.Exchange(t.Context(), dst, q, nil, Cluster); err != nil {
				t.Error(err)
			}
		})
		if n > most+lost {
			t.Errorf("protocol %d: %v allocations, want %v", proto, n, most)
		}
	}
}
