package hard

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// The load on a node cache while two of its servers die, and how fast it must be answered.
const (
	askers    = 16
	askEvery  = 40 * time.Millisecond // each
	loadFor   = 3500 * time.Millisecond
	dieAfter  = 1 * time.Second
	deadP99   = 300 * time.Millisecond
	triesBusy = 3 // a busy machine gets two more
)

// TestTwoOfThreeDead has two of three servers refuse connections, reset them, fall silent or
// vanish, under load or before it. Each name is asked for once. None may fail, and hardly any may
// take long.
func TestTwoOfThreeDead(t *testing.T) {
	for _, how := range []struct {
		name string
		die  func(f *testkit.Server)
	}{
		{"refuse", (*testkit.Server).Stop},
		{"reset", func(f *testkit.Server) { f.Do(resets) }},
		{"silent", func(f *testkit.Server) { f.Do(testkit.Silent) }},
		{"vanish", (*testkit.Server).Vanish},
	} {
		for _, when := range []time.Duration{0, dieAfter} {
			t.Run(fmt.Sprintf("%s after %v", how.name, when), func(t *testing.T) {
				for try := range triesBusy {
					took := loadDying(t, when, how.die)
					p99 := took[len(took)*99/100]
					t.Logf("%d queries, half within %v, 99 %% within %v, all within %v", len(took), took[len(took)/2], p99, took[len(took)-1])
					if p99 < deadP99 {
						return
					}
					if try == triesBusy-1 {
						t.Errorf("99 %% take up to %v, %d times; expected less than %v", p99, triesBusy, deadP99)
					}
				}
			})
		}
	}
}

// loadDying asks for a while, during which two of three servers die. It returns how long the
// answers took, sorted. Each answer must be right.
func loadDying(t *testing.T, when time.Duration, die func(*testkit.Server)) []time.Duration {
	t.Helper()
	servers := []*testkit.Server{newServer(t), newServer(t), newServer(t)}
	n := start(t, block(".", "tcp", servers...))
	took := make([][]time.Duration, askers)
	began := time.Now()
	var group sync.WaitGroup
	if when == 0 {
		dieTogether(servers[1:], die)
	} else {
		group.Go(func() {
			time.Sleep(when) // they die in the middle of the load
			dieTogether(servers[1:], die)
		})
	}
	for i := range took {
		group.Go(func() {
			for k := 0; time.Since(began) < loadFor; k++ {
				name := fmt.Sprintf("name-%d-%d.%s", i, k, []string{"example.org.", "ns.svc.cluster.local."}[k%2])
				a := []client{overUDP, overTCP}[i%2].ask(n.addr, name)
				if !a.right() {
					t.Errorf("%s, after %v: %v", name, time.Since(began), a)
				}
				took[i] = append(took[i], a.took)
				time.Sleep(askEvery) // this pace is the load
			}
		})
	}
	group.Wait()
	for _, f := range servers[1:] {
		if when > 0 && f.AskedBelow(".") == 0 {
			t.Errorf("%v was never asked, so that its death says nothing", f.Addr)
		}
	}
	return slices.Sorted(slices.Values(slices.Concat(took...)))
}

func dieTogether(servers []*testkit.Server, die func(*testkit.Server)) {
	var group sync.WaitGroup
	for _, f := range servers {
		group.Go(func() { die(f) })
	}
	group.Wait()
}
