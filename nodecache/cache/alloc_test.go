package cache

import (
	"fmt"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// TestAllocations shows that a lookup allocates nothing, whatever it finds.
func TestAllocations(t *testing.T) {
	c, p := roomy(), usual()
	p.Prefetch = Popularity{Amount: 1, Gap: time.Minute, Percent: 90}
	yes, no, failed, unknown := ask(t, "Yes.example."), ask(t, "no.example."), ask(t, "failed.example."), ask(t, "x.no.example.")
	store(t, c, yes, p, 0, "yes.example. 60 A 10.0.0.1", "yes.example. 60 A 10.0.0.2", "yes.example. 60 A 10.0.0.3")
	store(t, c, no, p, 0, "NXDOMAIN", "--", soa)
	store(t, c, failed, p, 0, "SERVFAIL")
	buf := make([]byte, 0, 1232)
	for what, f := range map[string]func(){
		"a hit":     func() { c.Append(buf, yes, p, 4*second) },
		"a denial":  func() { c.Append(buf, no, p, 4*second) },
		"a failure": func() { c.Append(buf, failed, p, 4*second) },
		"a miss":    func() { c.Append(buf, unknown, p, 4*second) },
		"stale":     func() { c.AppendStale(buf, yes, p, 90*second) },
		"a cut":     func() { c.AppendDenied(buf, unknown, no, 4*second) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	c, p := roomy(), usual()
	for what, count := range map[string]int{"1 A": 1, "3 A": 3, "50 A": 50} {
		q := ask(b, fmt.Sprintf("db-%d.team-1.svc.cluster.local.", count))
		var records []string
		for i := range count {
			records = append(records, fmt.Sprintf("%v 30 A 10.0.0.%d", q.Name, i))
		}
		store(b, c, q, p, 0, records...)
		b.Run(what, func(b *testing.B) { hit(b, c, q, p) })
	}
	q := ask(b, "api.github.com.team-1.svc.cluster.local.")
	store(b, c, q, p, 0, "NXDOMAIN", "--", "cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30")
	b.Run("NXDOMAIN", func(b *testing.B) { hit(b, c, q, p) })
}

func hit(b *testing.B, c *Cache, q *wire.Query, p *Policy) {
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		if _, _, state := c.Append(buf, q, p, 5*second); state != Fresh {
			b.Fatal(state)
		}
	}
}

// BenchmarkAppendMany asks for many names in turn, so that the memory is not in the CPU's first caches.
func BenchmarkAppendMany(b *testing.B) {
	for _, names := range []int{1000, 10000} {
		b.Run(fmt.Sprint(names, " names"), func(b *testing.B) { hitMany(b, names) })
	}
}

func hitMany(b *testing.B, names int) {
	limit := Limits{Entries: 20000, Bytes: 16 << 20}
	c, p := New(Options{Success: limit, Denial: limit, Failure: limit}), usual()
	q, msg := numbered(b, "n0000000.team-1.example. 60 A 10.0.0.1")
	queries := make([][]byte, names)
	for i := range queries {
		unique(q, msg, i)
		c.Store(nil, q, msg, &anyone, p, 0)
		queries[i] = wire.AppendQuery(nil, q, nil)
	}
	buf, i := make([]byte, 0, 4096), 0
	for b.Loop() {
		var q wire.Query
		q.Parse(queries[i*7919%names])
		if _, _, state := c.Append(buf, &q, p, 5*second); state != Fresh {
			b.Fatal(state)
		}
		i++
	}
}

func BenchmarkStore(b *testing.B) {
	c, p := roomy(), usual()
	q, msg := numbered(b, "n0000000.team-1.example. 60 A 10.0.0.1")
	for i := 0; b.Loop(); i++ {
		unique(q, msg, i%10000000)
		c.Store(nil, q, msg, &anyone, p, 0)
	}
}
