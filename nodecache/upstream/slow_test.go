package upstream

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowly leaves names that begin with slow without an answer.
func slowly(q []byte, reply func([]byte)) {
	if !strings.HasPrefix(name(q), "slow") {
		echo(q, reply)
	}
}

// askSlow asks n names that get no answer, at a time, until ctx ends or their time is up. It
// returns when all are under way.
func askSlow(ctx context.Context, t *testing.T, p *Forward, group *sync.WaitGroup, n int) {
	for i := range n {
		group.Go(func() { _, _ = p.Exchange(ctx, nil, queryFor(t, fmt.Sprintf("slow-%d.example", i)), nil, Other) })
	}
	eventually(t, "slow queries are under way", func() bool { return p.active.Load() >= int64(n) })
}

// As many slow names as there may be queries over UDP leave room for others: nothing is asked
// twice of a lone server that has much to do, and no socket is kept for long for what nobody
// waits for.
func TestSlowNamesOverUDP(t *testing.T) {
	const queries = 200
	f := serve(t, &fake{handle: slowly})
	p := plain(t, Config{ReadTimeout: time.Minute, Shares: &Shares{Queries: queries}}, f)
	shares := p.conf.Shares
	var group sync.WaitGroup
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		asked := f.queries.Load()
		askSlow(ctx, t, p, &group, queries-5)
		for i := range 300 {
			exchangeOK(t, p, fmt.Sprintf("n%d-%d.example", round, i), Other)
			if n := shares.sockets.Load(); n > shares.room() {
				t.Fatalf("%d sockets", n)
			}
		}
		if n := f.queries.Load() - asked; n > queries+300+queries/8 {
			t.Errorf("%d queries for %d names", n, queries+300)
		}
		cancel()
		group.Wait()
	}
	p.Close()
	if sockets, orphans := shares.sockets.Load(), shares.orphans.Load(); sockets != 0 || orphans != 0 {
		t.Errorf("%d sockets and %d orphans are not given back", sockets, orphans)
	}
}

// What asks no more keeps few sockets, and a server is not blamed for those that were closed.
func TestOrphans(t *testing.T) {
	const queries = 80
	f := serve(t, &fake{handle: slowly})
	p := plain(t, Config{Shares: &Shares{Queries: queries}}, f)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	askSlow(ctx, t, p, &group, queries/2)
	eventually(t, "queries are under way", func() bool { return f.queries.Load() >= queries/2 })
	cancel()
	group.Wait()
	eventually(t, "a few sockets are left", func() bool { return p.conf.Shares.sockets.Load() <= queries/8 })
	if p.Out() {
		t.Error("the server is out")
	}
}

// Names that a server never answers don't fill a connection that it answers others on. An
// answer that comes after all is no garbage.
func TestSlowNamesOverTCP(t *testing.T) {
	var mu sync.Mutex
	var owed []func()
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		if strings.HasPrefix(name(q), "slow") {
			mu.Lock()
			defer mu.Unlock()
			owed = append(owed, func() { echo(q, reply) })
			return
		}
		echo(q, reply)
	}})
	p := pool(t, Config{MaxConns: 1, Reserve: -1, ReadTimeout: time.Second, Hedge: -1}, f)
	ctx, cancel := context.WithCancel(t.Context())
	var others, group sync.WaitGroup
	others.Go(func() { // the server is not silent
		for i := 0; ctx.Err() == nil; i++ {
			_, _ = exchangeErr(t, p, fmt.Sprintf("n%d.example", i), Other)
			time.Sleep(10 * time.Millisecond)
		}
	})
	defer others.Wait()
	defer cancel()
	for i := range connFull - 10 {
		group.Go(func() { _, _ = p.Exchange(ctx, nil, queryFor(t, fmt.Sprintf("slow-%d.example", i)), nil, Other) })
	}
	group.Wait()
	eventually(t, "the connection has room", func() bool {
		conns := p.set.Load().order[0].conns[Other]
		return len(conns) == 1 && conns[0].load.Load() < 50
	})
	exchangeOK(t, p, "fresh.example", Other)
	mu.Lock()
	defer mu.Unlock()
	for _, answer := range owed {
		answer()
	}
	for i := range 50 {
		exchangeOK(t, p, fmt.Sprintf("after%d.example", i), Other)
	}
	if n := f.dials.Load(); n != 1 {
		t.Errorf("%d connections, expected the first to stay", n)
	}
}

// A query that waits is looked at a few times until its time is up, however long that is and
// whatever else there is to ask.
func TestSlowQuerySleeps(t *testing.T) {
	p := plain(t, Config{}, serve(t, &fake{handle: silent}))
	p.budgets[Other].tenths.Store(0)
	c := p.call(nil, Other)
	c.ask(queryFor(t, "slow.example"), nil)
	e := exchange{forward: p, set: p.set.Load(), call: c, most: 3, began: p.now()}
	defer e.done()
	if !e.next(e.began, false) {
		t.Fatal("not asked")
	}
	looks := 0
	for now := e.hedgeAt; now < e.began+p.conf.Timeout; now = e.hedgeAt {
		e.step(now)
		if looks++; e.hedgeAt <= now {
			t.Fatalf("looked at again at once, after %v", now-e.began)
		}
	}
	if looks > 15 {
		t.Errorf("looked at %d times", looks)
	}
}

// Queries may be given up at the moment at which their answers come. Nothing waits for anything.
func TestWithdrawnAsAnswered(t *testing.T) {
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		time.Sleep(2 * time.Millisecond)
		echo(q, reply)
	}})
	p := plain(t, Config{Shares: &Shares{Queries: 8}}, f)
	var group sync.WaitGroup
	for w := range 6 {
		group.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond+time.Duration(i%20)*50*time.Microsecond)
				_, _ = p.Exchange(ctx, nil, queryFor(t, fmt.Sprintf("n%d-%d.example", w, i)), nil, Other)
				cancel()
			}
		})
	}
	group.Wait()
	p.Close()
	if n := p.conf.Shares.sockets.Load(); n != 0 {
		t.Errorf("%d sockets are not given back", n)
	}
}
