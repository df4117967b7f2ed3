package tally

import (
	"sync"
	"testing"
)

func TestEvents(t *testing.T) {
	const writers, each = 6, 2000
	e := NewEvents(writers / 2) // some share their cells
	var counting sync.WaitGroup
	for i := range writers {
		counting.Go(func() {
			for n := range each {
				e.Count(i-1, n%maxKinds)
			}
		})
	}
	counting.Wait()
	for kind := range maxKinds {
		if n := e.Total(kind); n != writers*each/maxKinds {
			t.Errorf("kind %d: %d", kind, n)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { e.Count(1, 2) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
