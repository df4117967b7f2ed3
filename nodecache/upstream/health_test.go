package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A server is out from its first failure on, and back with its first answer, which a health
// check brings about.
func TestOutAndBack(t *testing.T) {
	f := serve(t, &fake{})
	var mu sync.Mutex
	var changes []bool
	c := Config{CheckInterval: 20 * time.Millisecond, Trace: Trace{Changed: func(_ Endpoint, err error) {
		mu.Lock()
		defer mu.Unlock()
		changes = append(changes, err != nil)
	}}}
	p := pool(t, c, f)
	exchangeOK(t, p, "a.example", Cluster)
	f.stop()
	if _, err := exchangeErr(t, p, "b.example", Cluster); err == nil {
		t.Error("answered by a server that is gone")
	}
	if !p.Out() {
		t.Error("not known to be out")
	}
	serve(t, &fake{addr: f.addr})
	eventually(t, "back", func() bool { return !p.Out() })
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(changes) != "[true false]" {
		t.Errorf("changes to out: %v", changes)
	}
}

// A server that answers others is not out for what it leaves unanswered.
func TestUnansweredIsNotOut(t *testing.T) {
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		if name(q) != "dropped.example" {
			echo(q, reply)
		}
	}})
	p := pool(t, Config{ReadTimeout: 200 * time.Millisecond, Timeout: 300 * time.Millisecond}, f)
	done := make(chan error)
	go func() {
		_, err := exchangeErr(t, p, "dropped.example", Other)
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if !errors.Is(err, ErrTimeout) {
				t.Errorf("dropped query: %v", err)
			}
			return
		case <-time.After(10 * time.Millisecond):
			exchangeOK(t, p, "a.example", Other)
			if p.Out() {
				t.Error("out")
			}
		}
	}
}

// A server that could not be probed, because every connection is full, is not out.
func TestNotProbedIsNotOut(t *testing.T) {
	p := pool(t, Config{MaxConns: 1}, serve(t, &fake{}))
	s := p.set.Load().order[0]
	s.mu.Lock()
	s.open(Other, p.now()).load.Store(connFull)
	s.mu.Unlock()
	if !s.checkOnce(p.now()) {
		t.Error("not tried")
	}
	time.Sleep(50 * time.Millisecond)
	if p.Out() {
		t.Error("out")
	}
}

// max_fails and failfast_all_unhealthy_upstreams.
func TestDown(t *testing.T) {
	dead, well := refused(t), serve(t, &fake{})
	var failed, broken atomic.Int64
	c := Config{
		Policy: Sequential, CheckInterval: 10 * time.Millisecond, FailFast: true,
		Trace: Trace{CheckFailed: func(Endpoint) { failed.Add(1) }, AllDown: func() { broken.Add(1) }},
	}
	p := pool(t, c, dead, well)
	exchangeOK(t, p, "a.example", Other)
	eventually(t, "down", func() bool { return failed.Load() > 2 && p.set.Load().order[0].down() })
	exchangeOK(t, p, "b.example", Other)
	if broken.Load() != 0 {
		t.Error("all down although one is well")
	}

	p = pool(t, c, dead)
	_, _ = exchangeErr(t, p, "a.example", Other)
	eventually(t, "down", func() bool { return p.set.Load().allDown() })
	if _, err := exchangeErr(t, p, "b.example", Other); !errors.Is(err, errNoServer) || broken.Load() != 1 {
		t.Errorf("%v; %d times", err, broken.Load())
	}
}

// max_fails 0: no check, and no server is passed over.
func TestNoChecks(t *testing.T) {
	var failed atomic.Int64
	c := Config{MaxFails: -1, CheckInterval: time.Millisecond, Trace: Trace{CheckFailed: func(Endpoint) { failed.Add(1) }}}
	f := refused(t)
	p := pool(t, c, f)
	_, _ = exchangeErr(t, p, "a.example", Other)
	if time.Sleep(20 * time.Millisecond); failed.Load() != 0 || !p.Out() {
		t.Errorf("%d checks; out: %v", failed.Load(), p.Out())
	}
	serve(t, &fake{addr: f.addr})
	exchangeOK(t, p, "a.example", Other)
	if p.Out() {
		t.Error("still out")
	}
}

func TestMaxConcurrent(t *testing.T) {
	release := make(chan struct{})
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { <-release; echo(q, reply) }})
	var rejected atomic.Int64
	p := pool(t, Config{MaxConcurrent: 2, Trace: Trace{Rejected: func() { rejected.Add(1) }}}, f)
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() { exchangeOK(t, p, fmt.Sprint("n", i), Other) })
	}
	eventually(t, "two asked", func() bool { return f.queries.Load() >= 2 })
	if _, err := exchangeErr(t, p, "third", Other); !errors.Is(err, ErrBusy) || rejected.Load() != 1 {
		t.Errorf("%v", err)
	}
	close(release)
	group.Wait()
	exchangeOK(t, p, "fourth", Other)
}

func TestPolicies(t *testing.T) {
	for policy, want := range map[Policy][3]bool{Random: {true, true, true}, RoundRobin: {true, true, true}, Sequential: {true, false, false}} {
		servers := []*fake{serve(t, &fake{}), serve(t, &fake{}), serve(t, &fake{})}
		p := pool(t, Config{Policy: policy}, servers...)
		for range 600 {
			exchangeOK(t, p, "a.example", Other)
		}
		for i, f := range servers {
			if got := f.queries.Load(); (got > 50) != want[i] || policy == RoundRobin && got != 200 {
				t.Errorf("policy %d: server %d was asked %d times", policy, i, got)
			}
		}
	}
}

func TestClose(t *testing.T) {
	p := pool(t, Config{}, serve(t, &fake{handle: silent}))
	errs := make(chan error)
	for i := range 10 {
		go func() {
			_, err := exchangeErr(t, p, fmt.Sprint("n", i), Scope(i%2))
			errs <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	p.Close()
	for range 10 {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := exchangeErr(t, p, "late", Other); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestContext(t *testing.T) {
	p := pool(t, Config{}, serve(t, &fake{handle: silent}))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	dst, err := p.Exchange(ctx, []byte("kept"), queryFor(t, "a.example"), nil, Other)
	if !errors.Is(err, context.DeadlineExceeded) || string(dst) != "kept" {
		t.Errorf("%q, %v", dst, err)
	}
}

func TestConfigErrors(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:53")
	for _, c := range []Config{
		{},
		{Servers: []Endpoint{{}}},
		{Servers: []Endpoint{{Addr: addr}}, Name: "a..b"},
		{Servers: []Endpoint{{Addr: addr}}, CheckName: string(make([]byte, 300))},
	} {
		if p, err := New(c); err == nil {
			p.Close()
			t.Errorf("%+v accepted", c)
		}
	}
}
