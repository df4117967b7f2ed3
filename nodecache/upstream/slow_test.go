package upstream

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// slowly does not answer names that begin with slow.
func slowly(q []byte, reply func([]byte)) {
	if !strings.HasPrefix(name(q), "slow") {
		echo(q, reply)
	}
}

// askSlow asks n names that get no answer, all at once, until ctx ends or their time is up. It
// returns when all are under way.
func askSlow(ctx context.Context, t *testing.T, fwd *Forward, group *sync.WaitGroup, n int) {
	for i := range n {
		group.Go(func() { _, _ = fwd.Exchange(ctx, nil, queryFor(t, fmt.Sprintf("slow-%d.example", i)), nil, Other) })
	}
	testkit.Eventually(t, "slow queries are under way", func() bool { return fwd.active.Load() >= int64(n) })
}

// Although slow names take up almost all the queries that there may be over UDP, other names are
// answered. A single server that has much to do is asked nothing twice, and a socket that nobody
// waits for is not kept for long.
func TestSlowNamesOverUDP(t *testing.T) {
	const queries = 200
	f := serve(t, &fake{handle: slowly})
	fwd := forwardUDP(t, Config{Shares: &Shares{Queries: queries}}, f)
	shares := fwd.conf.Shares
	var group sync.WaitGroup
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		asked := f.Queries.Load()
		askSlow(ctx, t, fwd, &group, queries-5)
		for i := range 300 {
			exchangeOK(t, fwd, fmt.Sprintf("n%d-%d.example", round, i), Other)
			if n := shares.sockets.Load(); n > shares.room() {
				t.Fatalf("%d sockets", n)
			}
		}
		if n := f.Queries.Load() - asked; n > queries+300+queries/8 {
			t.Errorf("%d queries for %d names", n, queries+300)
		}
		cancel()
		group.Wait()
	}
	fwd.Close()
	if sockets, orphans := shares.sockets.Load(), shares.orphans.Load(); sockets != 0 || orphans != 0 {
		t.Errorf("%d sockets and %d orphans are not given back", sockets, orphans)
	}
}

// Queries that were given up keep few sockets, and the server is not blamed for those that were closed.
func TestOrphans(t *testing.T) {
	const queries = 80
	f := serve(t, &fake{handle: slowly})
	fwd := forwardUDP(t, Config{Shares: &Shares{Queries: queries}}, f)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	askSlow(ctx, t, fwd, &group, queries/2)
	testkit.Eventually(t, "queries are under way", func() bool { return f.Queries.Load() >= queries/2 })
	cancel()
	group.Wait()
	testkit.Eventually(t, "a few sockets are left", func() bool { return fwd.conf.Shares.sockets.Load() <= queries/8 })
	if fwd.Out() {
		t.Error("the server is out")
	}
}

// Names that a server never answers don't fill a connection on which it answers others. If an answer
// comes after all, it is no garbage.
func TestSlowNamesOverTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var owed []func()
		f := inMemory(t, &fake{handle: func(q []byte, reply func([]byte)) {
			if strings.HasPrefix(name(q), "slow") {
				mu.Lock()
				defer mu.Unlock()
				owed = append(owed, func() { echo(q, reply) })
				return
			}
			echo(q, reply)
		}})
		fwd := forward(t, Config{MaxConns: 1, Reserve: -1, ReadTimeout: time.Second, Hedge: -1}, f)
		ctx, cancel := context.WithCancel(t.Context())
		var others, group sync.WaitGroup
		others.Go(func() { // the server is not silent
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = exchangeErr(t, fwd, fmt.Sprintf("n%d.example", i), Other)
				time.Sleep(10 * time.Millisecond)
			}
		})
		defer others.Wait()
		defer cancel()
		for i := range connFull - 10 {
			group.Go(func() { _, _ = fwd.Exchange(ctx, nil, queryFor(t, fmt.Sprintf("slow-%d.example", i)), nil, Other) })
		}
		group.Wait()
		testkit.Eventually(t, "the connection has room", func() bool {
			conns := fwd.set.Load().order[0].conns[Other]
			return len(conns) == 1 && conns[0].load.Load() < 50
		})
		exchangeOK(t, fwd, "fresh.example", Other)
		mu.Lock()
		defer mu.Unlock()
		for _, answer := range owed {
			answer()
		}
		for i := range 50 {
			exchangeOK(t, fwd, fmt.Sprintf("after%d.example", i), Other)
		}
		if n := f.Dials.Load(); n != 1 {
			t.Errorf("%d connections, expected the first to stay", n)
		}
	})
}

// A query that waits wakes up only a few times until its time is up, however long that is, and even
// if it may not be asked again.
func TestSlowQuerySleeps(t *testing.T) {
	fwd := forwardUDP(t, Config{ReadTimeout: 2 * time.Second}, serve(t, &fake{handle: silent}))
	fwd.budgets[Other].tenths.Store(0)
	c := fwd.call(nil, Other)
	c.ask(queryFor(t, "slow.example"), nil)
	e := exchange{forward: fwd, set: fwd.set.Load(), call: c, most: 3, began: fwd.now()}
	defer e.done()
	if !e.next(e.began, false) {
		t.Fatal("not asked")
	}
	looks := 0
	for now := e.hedgeAt; now < e.began+fwd.conf.Timeout; now = e.hedgeAt {
		e.step(now)
		if looks++; e.hedgeAt <= now {
			t.Fatalf("looked at again at once, after %v", now-e.began)
		}
	}
	if looks > 15 {
		t.Errorf("looked at %d times", looks)
	}
}

// Queries may be given up in the very moment in which their answers come. That deadlocks nothing.
func TestWithdrawnAsAnswered(t *testing.T) {
	f := serve(t, &fake{handle: after(2 * time.Millisecond)})
	fwd := forwardUDP(t, Config{Shares: &Shares{Queries: 8}}, f)
	var group sync.WaitGroup
	for w := range 6 {
		group.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond+time.Duration(i%20)*50*time.Microsecond)
				_, _ = fwd.Exchange(ctx, nil, queryFor(t, fmt.Sprintf("n%d-%d.example", w, i)), nil, Other)
				cancel()
			}
		})
	}
	group.Wait()
	fwd.Close()
	if n := fwd.conf.Shares.sockets.Load(); n != 0 {
		t.Errorf("%d sockets are not given back", n)
	}
}
