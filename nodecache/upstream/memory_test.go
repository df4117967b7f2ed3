package upstream

import (
	"runtime"
	"testing"
)

// held returns what the heap and the stacks hold, in bytes.
func held() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC() // more than once, for what a sync.Pool keeps
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// A Forward with four connections holds little memory, and not much more after 250 queries at a time
// were on them.
func TestMemory(t *testing.T) {
	const forwards = 15
	e := Endpoint{Addr: alone(t), Proto: TCP}
	for _, test := range []struct{ atATime, most int }{{1, 100e3}, {250, 300e3}} {
		open := func() {
			fwd := forward(t, Config{Servers: []Endpoint{e}})
			s := fwd.set.Load().order[0]
			s.mu.Lock()
			for range 2 {
				s.open(Cluster, fwd.now())
				s.open(Other, fwd.now())
			}
			s.mu.Unlock()
			for scope := range scopes {
				load(t, fwd, 4*test.atATime, test.atATime, "n", scope)
			}
		}
		open() // the goroutines that ask leave their stacks behind, once
		before := held()
		for range forwards {
			open()
		}
		each := int(held()-before) / forwards
		t.Logf("%d queries at a time: %d kB", test.atATime, each/1000)
		if each > test.most {
			t.Errorf("%d queries at a time: %d bytes", test.atATime, each)
		}
	}
}
