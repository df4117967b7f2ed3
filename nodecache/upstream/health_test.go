package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// A server is out from its first failure until its first answer, which a health check brings about.
func TestOutAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{})
		var mu sync.Mutex
		var changes []bool
		c := Config{CheckInterval: 20 * time.Millisecond, Trace: Trace{Changed: func(_ Endpoint, err error) {
			mu.Lock()
			defer mu.Unlock()
			changes = append(changes, err != nil)
		}}}
		fwd := forward(t, c, f)
		exchangeOK(t, fwd, "a.example", Cluster)
		f.die()
		if _, err := exchangeErr(t, fwd, "b.example", Cluster); err == nil {
			t.Error("answered by a server that is gone")
		}
		if !fwd.Out() {
			t.Error("not known to be out")
		}
		f.live()
		testkit.Eventually(t, "back", func() bool { return !fwd.Out() })
		mu.Lock()
		defer mu.Unlock()
		if fmt.Sprint(changes) != "[true false]" {
			t.Errorf("changes to out: %v", changes)
		}
	})
}

// A server that answers other queries is not out if it leaves one unanswered.
func TestUnansweredIsNotOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) {
			if name(q) != "dropped.example" {
				echo(q, reply)
			}
		}})
		fwd := forward(t, Config{ReadTimeout: 200 * time.Millisecond, Timeout: 300 * time.Millisecond}, f)
		done := make(chan error)
		go func() {
			_, err := exchangeErr(t, fwd, "dropped.example", Other)
			done <- err
		}()
		for {
			select {
			case err := <-done:
				if !errors.Is(err, errTimeout) {
					t.Errorf("dropped query: %v", err)
				}
				return
			case <-time.After(10 * time.Millisecond):
				exchangeOK(t, fwd, "a.example", Other)
				if fwd.Out() {
					t.Error("out")
				}
			}
		}
	})
}

// A server that could not be checked because every connection is full is not out.
func TestNotCheckedIsNotOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fwd := forward(t, Config{MaxConns: 1}, inMemory(t, &fake{}))
		s := fwd.set.Load().order[0]
		s.mu.Lock()
		s.open(Other, fwd.now()).load.Store(connFull)
		s.mu.Unlock()
		if !s.checkOnce(fwd.now()) {
			t.Error("not tried")
		}
		time.Sleep(2 * checkFor) // more than the check takes
		if fwd.Out() {
			t.Error("out")
		}
	})
}

// max_fails and failfast_all_unhealthy_upstreams.
func TestDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead, well := refusing(t), inMemory(t, &fake{})
		var failed, broken atomic.Int64
		c := Config{
			Policy: Sequential, CheckInterval: 10 * time.Millisecond, FailFast: true,
			Trace: Trace{CheckFailed: func(Endpoint) { failed.Add(1) }, AllDown: func() { broken.Add(1) }},
		}
		fwd := forward(t, c, dead, well)
		exchangeOK(t, fwd, "a.example", Other)
		testkit.Eventually(t, "down", func() bool { return failed.Load() > 2 && fwd.set.Load().order[0].down() })
		exchangeOK(t, fwd, "b.example", Other)
		if broken.Load() != 0 {
			t.Error("all down, although one is well")
		}

		fwd = forward(t, c, dead)
		_, _ = exchangeErr(t, fwd, "a.example", Other)
		testkit.Eventually(t, "down", func() bool { return fwd.set.Load().allDown() })
		if _, err := exchangeErr(t, fwd, "b.example", Other); !errors.Is(err, errNoServer) || broken.Load() != 1 {
			t.Errorf("%v; %d times", err, broken.Load())
		}
	})
}

// max_fails 0: no server is checked or passed over.
func TestNoChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Int64
		c := Config{MaxFails: -1, CheckInterval: time.Millisecond, Trace: Trace{CheckFailed: func(Endpoint) { failed.Add(1) }}}
		f := refusing(t)
		fwd := forward(t, c, f)
		_, _ = exchangeErr(t, fwd, "a.example", Other)
		if time.Sleep(time.Minute); failed.Load() != 0 || !fwd.Out() {
			t.Errorf("%d checks; out: %v", failed.Load(), fwd.Out())
		}
		f.live()
		exchangeOK(t, fwd, "a.example", Other)
		if fwd.Out() {
			t.Error("still out")
		}
	})
}

func TestMaxConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) { <-release; echo(q, reply) }})
		var rejected atomic.Int64
		fwd := forward(t, Config{MaxConcurrent: 2, Trace: Trace{Rejected: func() { rejected.Add(1) }}}, f)
		var group sync.WaitGroup
		for i := range 2 {
			group.Go(func() { exchangeOK(t, fwd, fmt.Sprint("n", i), Other) })
		}
		testkit.Eventually(t, "two asked", func() bool { return f.Queries.Load() >= 2 })
		if _, err := exchangeErr(t, fwd, "third", Other); !errors.Is(err, ErrBusy) || rejected.Load() != 1 {
			t.Errorf("%v", err)
		}
		close(release)
		group.Wait()
		exchangeOK(t, fwd, "fourth", Other)
	})
}

func TestPolicies(t *testing.T) {
	for policy, want := range map[Policy][3]bool{Random: {true, true, true}, RoundRobin: {true, true, true}, Sequential: {true, false, false}} {
		bubble(t, fmt.Sprint("policy ", policy), func(t *testing.T) {
			servers := []*fake{inMemory(t, &fake{}), inMemory(t, &fake{}), inMemory(t, &fake{})}
			fwd := forward(t, Config{Policy: policy}, servers...)
			for range 600 {
				exchangeOK(t, fwd, "a.example", Other)
			}
			for i, f := range servers {
				if got := f.Queries.Load(); (got > 50) != want[i] || policy == RoundRobin && got != 200 {
					t.Errorf("server %d was asked %d times", i, got)
				}
			}
		})
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fwd := forward(t, Config{}, inMemory(t, &fake{handle: silent}))
		errs := make(chan error)
		for i := range 10 {
			go func() {
				_, err := exchangeErr(t, fwd, fmt.Sprint("n", i), Scope(i%2))
				errs <- err
			}()
		}
		synctest.Wait()
		fwd.Close()
		for range 10 {
			if err := <-errs; !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		}
		if _, err := exchangeErr(t, fwd, "late", Other); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fwd := forward(t, Config{}, inMemory(t, &fake{handle: silent}))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		dst, err := fwd.Exchange(ctx, []byte("kept"), queryFor(t, "a.example"), nil, Other)
		if !errors.Is(err, context.DeadlineExceeded) || string(dst) != "kept" {
			t.Errorf("%q, %v", dst, err)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:53")
	for _, c := range []Config{
		{},
		{Servers: []Endpoint{{}}},
		{Servers: []Endpoint{{Addr: addr}}, Name: "a..b"},
		{Servers: []Endpoint{{Addr: addr}}, CheckName: string(make([]byte, 300))},
	} {
		if fwd, err := New(c); err == nil {
			fwd.Close()
			t.Errorf("%+v accepted", c)
		}
	}
}
