package upstream

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// blackHole returns a server in memory whose connections are neither accepted nor refused until
// open is called.
func blackHole(t *testing.T) (f *fake, open func()) {
	f = inMemory(t, &fake{hole: make(chan struct{})})
	return f, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		close(f.hole)
		f.hole = nil
	}
}

// refusing returns a server in memory that refuses connections.
func refusing(t *testing.T) *fake { return inMemory(t, &fake{gone: true}) }

// refused returns an address of loopback where nothing listens.
func refused(t *testing.T) *fake {
	t.Helper()
	return &fake{Server: testkit.Server{Addr: testkit.FreeAddr(t)}}
}

// mortal returns a server in memory that answers while it is not dead.
func mortal(t *testing.T, dead *atomic.Bool) *fake {
	return inMemory(t, &fake{handle: whileAlive(dead)})
}

func whileAlive(dead *atomic.Bool) handler {
	return func(q []byte, reply func([]byte)) {
		if !dead.Load() {
			echo(q, reply)
		}
	}
}

// Two of three servers may be gone in any way: nothing fails, and p99 stays below 300 ms.
func TestTwoOfThreeDead(t *testing.T) {
	resets := func(t *testing.T) *fake {
		f := &fake{}
		f.handle = func([]byte, func([]byte)) { f.Reset() }
		return inMemory(t, f)
	}
	for what, server := range map[string]func(t *testing.T) *fake{
		"refused":    refusing,
		"black hole": func(t *testing.T) *fake { f, _ := blackHole(t); return f },
		"silent":     func(t *testing.T) *fake { return inMemory(t, &fake{handle: silent}) },
		"resets":     resets,
	} {
		for _, scope := range []Scope{Cluster, Other} {
			bubble(t, fmt.Sprint(what, scope), func(t *testing.T) {
				fwd := forward(t, Config{}, server(t), server(t), inMemory(t, &fake{}))
				if took := p99(load(t, fwd, 1500, 60, "n", scope)); took >= 300*time.Millisecond {
					t.Errorf("p99 %v", took)
				}
				if fwd.Out() {
					t.Error("one server is well")
				}
			})
		}
	}
}

// Nor does anything fail over UDP, and most queries go to the server that is well.
func TestTwoOfThreeDeadOverUDP(t *testing.T) {
	for what, server := range map[string]func(t *testing.T) *fake{
		"refused": refused,
		"silent":  func(t *testing.T) *fake { return serve(t, &fake{handle: silent}) },
	} {
		for _, scope := range []Scope{Cluster, Other} {
			t.Run(fmt.Sprint(what, scope), func(t *testing.T) {
				well := serve(t, &fake{})
				var inVain atomic.Int64
				c := Config{ReadTimeout: 2 * time.Second, Timeout: testkit.Patience, Trace: Trace{Asked: func(e Endpoint, _, _ bool) {
					if e != well.endpoint(UDP) {
						inVain.Add(1)
					}
				}}}
				fwd := forwardUDP(t, c, server(t), server(t), well)
				load(t, fwd, 1500, 60, "n", scope)
				if n := inVain.Load(); n == 0 || n > 500 || fwd.Out() {
					t.Errorf("dead servers were asked %d times; out: %v", n, fwd.Out())
				}
			})
		}
	}
}

// It is the same with a query now and then, when little is known of the servers.
func TestTwoOfThreeDeadAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hole, _ := blackHole(t)
		fwd := forward(t, Config{}, hole, inMemory(t, &fake{handle: silent}), inMemory(t, &fake{}))
		for i := range 20 {
			if took := load(t, fwd, 1, 1, "n", Cluster)[0]; took >= 300*time.Millisecond {
				t.Errorf("query %d took %v", i, took)
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// Sequential asks the next server once the first one is known to be out, and not because it is slow.
func TestSequentialMovesOn(t *testing.T) {
	bubble(t, "out", func(t *testing.T) {
		hole, _ := blackHole(t)
		fwd := forward(t, Config{Policy: Sequential}, hole, inMemory(t, &fake{}))
		if took := p99(load(t, fwd, 100, 100, "n", Cluster)); took >= 1800*time.Millisecond {
			t.Errorf("p99 %v", took)
		}
	})
	bubble(t, "slow", func(t *testing.T) {
		slow := inMemory(t, &fake{handle: after(400 * time.Millisecond)})
		second := inMemory(t, &fake{})
		exchangeOK(t, forward(t, Config{Policy: Sequential}, slow, second), "a.example", Cluster)
		if n := second.Queries.Load(); n != 0 {
			t.Errorf("the second was asked %d times", n)
		}
	})
}

// If servers reset their connections while queries are under way, that costs the queries a retry.
func TestResetsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers []*fake
		for range 3 {
			servers = append(servers, inMemory(t, &fake{handle: after(5 * time.Millisecond)}))
		}
		fwd := forward(t, Config{}, servers...)
		done := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
					servers[i%3].Reset()
				}
			}
		})
		if took := p99(load(t, fwd, 5000, 50, "n", Other)); took >= 100*time.Millisecond {
			t.Errorf("p99 %v", took)
		}
		close(done)
		group.Wait()
	})
}

// Two of three servers fall silent while in use. The queries that are under way move over, and
// later ones go to the third at once.
func TestTwoOfThreeDieUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		fwd := forward(t, Config{}, mortal(t, &dead), mortal(t, &dead), inMemory(t, &fake{}))
		for second := range 5 {
			dead.Store(second > 0)
			if took := p99(load(t, fwd, 2000, 4, "n", Scope(second%2))); took >= 300*time.Millisecond {
				t.Errorf("p99 %v in second %d", took, second)
			}
			time.Sleep(700 * time.Millisecond)
		}
		if fwd.Out() {
			t.Error("one server is well")
		}
	})
}
