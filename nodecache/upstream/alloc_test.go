//go:build !race

package upstream

import "testing"

// An Exchange allocates nothing, neither where it is called nor where answers are read.
func TestAllocations(t *testing.T) {
	p := pool(t, Config{Servers: []Endpoint{{Addr: alone(t), Proto: TCP}}})
	q, dst := queryFor(t, "service.namespace.svc.cluster.local"), make([]byte, 0, 512)
	n := testing.AllocsPerRun(2000, func() {
		if _, err := p.Exchange(t.Context(), dst, q, Cluster); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
