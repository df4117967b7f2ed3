package upstream

import (
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
		reply(wire.AppendReply(nil, &asked, wire.BadVer, nil))
		return
	}
	if n := name(q); n == "" || strings.HasPrefix(n, "ptr") && strings.HasSuffix(n, "7.example") {
		time.Sleep(2 * time.Second)
	}
	echo(q, reply)
}

// Slow queries of the Other lane cost the Cluster lane nothing, though servers answer in order.
func TestSlowPTRLeavesClusterNamesAlone(t *testing.T) {
	var servers []*fake
	for range 3 {
		servers = append(servers, serve(t, &fake{handle: slowPTR, inOrder: true}))
	}
	p := pool(t, Config{ReadTimeout: 20 * time.Second}, servers...)
	alone := p99(load(t, p, 3000, 8, "a", Cluster))
	var group sync.WaitGroup
	group.Go(func() {
		took := load(t, p, 100, 20, "ptr", Other)
		t.Logf("PTR: p50 %v, p90 %v, longest %v", took[50], took[90], took[99])
	})
	time.Sleep(200 * time.Millisecond)
	beside := p99(load(t, p, 3000, 8, "b", Cluster))
	group.Wait()
	t.Logf("p99 of cluster names: %v alone, %v beside slow PTR queries", alone, beside)
	if beside > 3*alone+50*time.Millisecond {
		t.Errorf("p99 grew from %v to %v", alone, beside)
	}
	for _, f := range servers {
		if f.most.Load() > 4 {
			t.Errorf("%d connections", f.most.Load())
		}
	}
	if p.Out() {
		t.Error("slow is not out")
	}
}

// One slow server among three is not waited for, and gets no second load on the others
// beyond the budget.
func TestHedge(t *testing.T) {
	slow := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { time.Sleep(time.Second); echo(q, reply) }})
	fast := serve(t, &fake{})
	p := pool(t, Config{Policy: RoundRobin}, slow, fast)
	took := load(t, p, 20, 1, "n", Other)
	if longest := took[len(took)-1]; longest > 500*time.Millisecond {
		t.Errorf("longest %v", longest)
	}
}

// Where every server is slow, asking twice would only make it worse.
func TestHedgesAreBounded(t *testing.T) {
	var hedged atomic.Int64
	c := Config{Trace: Trace{Hedged: func(Endpoint) { hedged.Add(1) }}}
	var servers []*fake
	for range 3 {
		servers = append(servers, serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
			time.Sleep(150 * time.Millisecond)
			echo(q, reply)
		}}))
	}
	p := pool(t, c, servers...)
	load(t, p, 6000, 500, "n", Other)
	asked := servers[0].queries.Load() + servers[1].queries.Load() + servers[2].queries.Load()
	t.Logf("%d of 6000 asked twice, %d queries in all", hedged.Load(), asked)
	if hedged.Load() > 6000/10+budgetMax/priceRescue || asked > 6000*15/10 {
		t.Errorf("%d of 6000 asked twice, %d queries in all", hedged.Load(), asked)
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
