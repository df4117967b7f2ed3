package zone

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// TestIndex does what a map does, with a map beside it.
func TestIndex(t *testing.T) {
	x, m := newIndex[int, int](), map[int]int{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		k, v := rnd.IntN(500), rnd.Int()
		if rnd.IntN(3) == 0 {
			x.remove(k)
			delete(m, k)
		} else {
			x.set(k, v)
			m[k] = v
		}
	}
	if x.count != len(m) {
		t.Fatalf("count %d, want %d", x.count, len(m))
	}
	for k := range 500 {
		got, ok := x.get(k)
		if want, exists := m[k]; got != want || ok != exists {
			t.Fatalf("get(%d) = %d, %v; want %d, %v", k, got, ok, want, exists)
		}
	}
	n := 0
	for k, v := range x.all {
		if n++; m[k] != v {
			t.Fatalf("all yields %d: %d, want %d", k, v, m[k])
		}
	}
	if n != len(m) {
		t.Fatalf("all yields %d entries, want %d", n, len(m))
	}
}

// TestIndexReaders shows that a key which is never removed is never missed, whatever
// happens around it.
func TestIndexReaders(t *testing.T) {
	x := newIndex[int, int]()
	const kept = 64
	for k := range kept {
		x.set(k, k)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if v, ok := x.get(i % kept); !ok || v%kept != i%kept {
					t.Errorf("get(%d) = %d, %v", i%kept, v, ok)
					return
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 50000 {
		k := kept + rnd.IntN(10000)
		x.set(k, k)
		x.remove(kept + rnd.IntN(10000))
		x.set(i%kept, i%kept+kept*i)
	}
	close(done)
	readers.Wait()
}
