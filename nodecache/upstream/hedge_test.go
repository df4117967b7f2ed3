package upstream

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// slowPTR answers a tenth of the PTR queries after 2 s, and so the root, for which it asks
// the same slow server.
func slowPTR(q []byte, reply func([]byte)) {
	var asked wire.Query
	if asked.Parse(q) == wire.BadVers {
		reply(wire.AppendReply(nil, &asked, wire.BadVer, wire.RA, nil))
		return
	}
	if n := name(q); n == "" || strings.HasPrefix(n, "ptr") && strings.HasSuffix(n, "7.example") {
		time.Sleep(2 * time.Second)
	}
	echo(q, reply)
}

// Slow queries of the Other scope cost the Cluster scope nothing, though servers answer in
// order: no more queries than by themselves wait until they are asked elsewhere.
func TestSlowPTRLeavesClusterNamesAlone(t *testing.T) {
	var servers []*fake
	for range 3 {
		servers = append(servers, serve(t, &fake{handle: slowPTR, inOrder: true}))
	}
	p := pool(t, Config{ReadTimeout: 20 * time.Second}, servers...)
	for range 3 { // a busy machine gets two more tries
		var group sync.WaitGroup
		group.Go(func() { load(t, p, 100, 20, "ptr", Other) })
		time.Sleep(300 * time.Millisecond) // now there are servers that said nothing else, and are probed
		took := load(t, p, 3000, 8, "a", Cluster)
		group.Wait()
		first, _ := slices.BinarySearch(took, 80*time.Millisecond)
		t.Logf("cluster names: p99 %v, longest %v, %d waited", p99(took), took[len(took)-1], len(took)-first)
		if len(took)-first <= 3 && !p.Out() {
			return
		}
	}
	t.Error("cluster names wait behind PTR queries")
}

// What finds out whether a silent server lives does not keep a name of the cluster waiting
// while that server itself waits for others.
func TestProbeKeepsNothingWaiting(t *testing.T) {
	within(t, 80*time.Millisecond, func() time.Duration {
		p := pool(t, Config{ReadTimeout: 20 * time.Second}, serve(t, &fake{handle: slowPTR, inOrder: true}))
		var group sync.WaitGroup
		group.Go(func() { exchangeOK(t, p, "ptr7.example", Other) })
		defer group.Wait()
		var longest time.Duration
		for began := time.Now(); time.Since(began) < 400*time.Millisecond; time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > 120*time.Millisecond { // before, a name of the cluster would answer the question
				longest = max(longest, load(t, p, 1, 1, "a", Cluster)[0])
			}
		}
		return longest
	})
}

// One slow server among three is not waited for, and gets no second load on the others
// beyond the budget.
func TestHedge(t *testing.T) {
	slow := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { time.Sleep(time.Second); echo(q, reply) }})
	fast := serve(t, &fake{})
	p := pool(t, Config{Policy: RoundRobin}, slow, fast)
	took := load(t, p, 20, 1, "n", Other)
	if longest := took[len(took)-1]; longest < 100*time.Millisecond || longest > 500*time.Millisecond {
		t.Errorf("longest %v, expected the 100 ms after which the other is asked, and little more", longest)
	}
}

// Where every server is slow, or every server for many of the names, asking twice would only
// make it worse.
func TestHedgesAreBounded(t *testing.T) {
	for what, slow := range map[string]func(name string) time.Duration{
		"all": func(string) time.Duration { return 150 * time.Millisecond },
		"four tenths": func(name string) time.Duration {
			if digit := name[len(name)-len("0.example")]; digit < '4' {
				return 350 * time.Millisecond
			}
			return 0
		},
	} {
		t.Run(what, func(t *testing.T) {
			var hedged atomic.Int64
			c := Config{Trace: Trace{Hedged: func(Endpoint) { hedged.Add(1) }}}
			var servers []*fake
			for range 3 {
				servers = append(servers, serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
					if n := name(q); n != "" {
						time.Sleep(slow(n))
					}
					echo(q, reply)
				}}))
			}
			p := pool(t, c, servers...)
			load(t, p, 6000, 500, "n", Other)
			asked := servers[0].queries.Load() + servers[1].queries.Load() + servers[2].queries.Load()
			t.Logf("%d hedges of 6000 queries, %d in all", hedged.Load(), asked)
			if most := int64(6000/2 + budgetMax/priceRescue); hedged.Load() > most || asked > 6000+most+100 {
				t.Errorf("%d hedges of 6000 queries, %d in all", hedged.Load(), asked)
			}
		})
	}
}

func TestBudget(t *testing.T) {
	var b budget
	b.tenths.Store(budgetMax)
	n := 0
	for b.spend(priceHedge, rescueShare) {
		n++
	}
	if n != 20 {
		t.Errorf("%d hedges from a full budget", n)
	}
	for range 1000 {
		b.earn()
	}
	if got := b.tenths.Load(); got != budgetMax {
		t.Errorf("budget %d", got)
	}
}

func TestPace(t *testing.T) {
	var p pace
	for i := range 1000 {
		took := time.Millisecond
		if i%10 == 0 {
			took = 2 * time.Second
		}
		p.observe(took)
	}
	if d := p.delay(100*time.Millisecond, time.Second); d != 100*time.Millisecond {
		t.Errorf("a slow tenth: %v", d)
	}
	for range 1000 {
		p.observe(200 * time.Millisecond)
	}
	if d := p.delay(100*time.Millisecond, time.Second); d < 400*time.Millisecond || d > 800*time.Millisecond {
		t.Errorf("far away: %v", d)
	}
}
