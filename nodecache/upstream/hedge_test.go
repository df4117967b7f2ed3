package upstream

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// slowPTR answers a tenth of the PTR queries after 2 s. So it does queries for the root, as it would
// ask the same slow server for it.
func slowPTR(q []byte, reply func([]byte)) {
	var asked wire.Query
	if asked.Parse(q) == wire.BadVers {
		reply(wire.AppendReply(nil, &asked, wire.BadVer, wire.RA, nil))
		return
	}
	if n := name(q); n == "" || strings.HasPrefix(n, "ptr") && strings.HasSuffix(n, "7.example") {
		time.Sleep(2 * time.Second) // virtual time: what the server takes
	}
	echo(q, reply)
}

// Slow queries of the Other scope cost the Cluster scope nothing, although servers answer in order.
// The few queries that wait until they are asked elsewhere would do so without them too.
func TestSlowPTRLeavesClusterNamesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers []*fake
		for range 3 {
			servers = append(servers, inMemory(t, &fake{handle: slowPTR, Server: testkit.Server{InOrder: true}}))
		}
		fwd := forward(t, Config{ReadTimeout: 20 * time.Second}, servers...)
		var group sync.WaitGroup
		group.Go(func() { load(t, fwd, 100, 20, "ptr", Other) })
		time.Sleep(300 * time.Millisecond) // now there are servers that have said nothing else, and get health checks
		took := load(t, fwd, 3000, 8, "a", Cluster)
		group.Wait()
		first, _ := slices.BinarySearch(took, 80*time.Millisecond)
		t.Logf("cluster names: p99 %v, longest %v, %d waited", p99(took), took[len(took)-1], len(took)-first)
		if len(took)-first > 3 || fwd.Out() {
			t.Error("cluster names wait behind PTR queries")
		}
	})
}

// The query that finds out whether a silent server lives keeps no name of the cluster waiting while
// the server itself waits for others.
func TestHealthCheckKeepsNothingWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{handle: slowPTR, Server: testkit.Server{InOrder: true}})
		fwd := forward(t, Config{ReadTimeout: 20 * time.Second}, f)
		var group sync.WaitGroup
		group.Go(func() { exchangeOK(t, fwd, "ptr7.example", Other) })
		defer group.Wait()
		time.Sleep(120 * time.Millisecond) // before that, a name of the cluster would show that the server lives
		for range 50 {
			if took := load(t, fwd, 1, 1, "a", Cluster)[0]; took >= 80*time.Millisecond {
				t.Errorf("took %v", took)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

// One slow server of two is not waited for.
func TestHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := inMemory(t, &fake{handle: after(time.Second)}), inMemory(t, &fake{})
		fwd := forward(t, Config{Policy: RoundRobin}, slow, fast)
		took := load(t, fwd, 20, 1, "n", Other)
		if longest := took[len(took)-1]; longest < DefaultHedge || longest > DefaultHedge+50*time.Millisecond {
			t.Errorf("longest %v, expected the time after which the other is asked, and little more", longest)
		}
	})
}

// If every server is slow, or every server with many of the names, asking twice would only make it
// worse.
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
		bubble(t, what, func(t *testing.T) {
			var hedged atomic.Int64
			c := Config{Trace: Trace{Hedged: func(Endpoint) { hedged.Add(1) }}}
			var servers []*fake
			for range 3 {
				servers = append(servers, inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) {
					if n := name(q); n != "" {
						time.Sleep(slow(n)) // virtual time: what the server takes
					}
					echo(q, reply)
				}}))
			}
			load(t, forward(t, c, servers...), 6000, 500, "n", Other)
			asked := servers[0].Queries.Load() + servers[1].Queries.Load() + servers[2].Queries.Load()
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
