package upstream

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// RFC 7766 section 6.2.4: a server may close a connection at any time, after each answer too, and
// the queries that it has not answered are asked again. No query goes without an answer because of
// that, however many wait.
func TestServerClosesAfterEachAnswerRFC7766(t *testing.T) {
	for _, limit := range []int{1, 2, 3} {
		for _, outstanding := range []int{20, 50, 100} {
			bubble(t, fmt.Sprintf("%d answers, %d outstanding", limit, outstanding), func(t *testing.T) {
				f := inMemory(t, &fake{Server: testkit.Server{InOrder: true, Limit: limit}, handle: after(time.Millisecond)})
				fwd := forward(t, Config{ReadTimeout: 30 * time.Second}, f)
				load(t, fwd, 1000, outstanding, "n", Other)
				if fwd.Out() {
					t.Error("a server that answers is not out")
				}
			})
			t.Run(fmt.Sprintf("%d answers, %d outstanding, truncated over UDP", limit, outstanding), func(t *testing.T) {
				f := serve(t, &fake{Server: testkit.Server{InOrder: true, Limit: limit}, cuts: true, handle: after(time.Millisecond)})
				fwd := forwardUDP(t, Config{}, f)
				load(t, fwd, 500, outstanding, "n", Other)
				if fwd.Out() {
					t.Error("a server that answers is not out")
				}
			})
		}
	}
}

// Once it is known how many queries a server answers on a connection, none is sent in vain.
func TestAnswersPerConnectionAreLearned(t *testing.T) {
	for _, limit := range []int{1, 2, 20} {
		bubble(t, fmt.Sprint(limit, " answers"), func(t *testing.T) {
			f := inMemory(t, &fake{Server: testkit.Server{InOrder: true, Limit: limit}, handle: after(time.Millisecond)})
			var asked atomic.Int64
			fwd := forward(t, Config{ReadTimeout: 30 * time.Second, Hedge: -1, Trace: Trace{Asked: func(Endpoint, bool, bool) { asked.Add(1) }}}, f)
			load(t, fwd, 200, 50, "learn", Other)
			before, dials := asked.Load(), f.Dials.Load()
			load(t, fwd, 600, 50, "n", Other)
			inVain, conns := asked.Load()-before-600, f.Dials.Load()-dials
			t.Logf("%d asked again of 600, %d connections", inVain, conns)
			if conns > int64(2*600/limit) {
				t.Errorf("%d connections for 600 queries", conns)
			}
			if most := f.Most.Load(); most > int64(max(DefaultMaxConns, connBusy/limit)) {
				t.Errorf("%d connections at a time", most)
			}
		})
	}
}

// If a connection is closed before the server has sent anything, that costs the queries on it no
// more than the next try.
func TestClosedWithoutAWord(t *testing.T) {
	for _, times := range []int64{1, 2, 3} {
		closedWithoutAWord(t, fmt.Sprint("the first ", times), 1, func(conn int64) bool { return conn <= times })
	}
	// The server lives, so it doesn't matter how many are closed.
	closedWithoutAWord(t, "three of four", 50, func(conn int64) bool { return conn%4 != 0 })
}

func closedWithoutAWord(t *testing.T, what string, rounds int, closed func(conn int64) bool) {
	bubble(t, what, func(t *testing.T) {
		f := &fake{Server: testkit.Server{InOrder: true, Limit: 1}}
		f.handle = func(q []byte, reply func([]byte)) {
			if !closed(f.Dials.Load()) {
				echo(q, reply)
			}
		}
		fwd := forward(t, Config{Timeout: 30 * time.Second}, inMemory(t, f))
		for round := range rounds {
			var group sync.WaitGroup
			for i := range 20 {
				group.Go(func() { exchangeOK(t, fwd, fmt.Sprintf("n%d-%d.example", i, round), Other) })
			}
			group.Wait()
		}
	})
}

// A server that closes every connection in this way is not asked in a tight loop, and the time-out
// holds.
func TestAlwaysClosedWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{Server: testkit.Server{InOrder: true}}
		f.handle = func([]byte, func([]byte)) { f.Reset() }
		fwd := forward(t, Config{Timeout: time.Second, MaxFails: -1}, inMemory(t, f))
		began := time.Now()
		if _, err := exchangeErr(t, fwd, "a.example", Other); err == nil || !fwd.Out() {
			t.Errorf("%v; out: %v", err, fwd.Out())
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %v", took)
		}
		if n := f.Dials.Load(); n < 3 || n > 10 {
			t.Errorf("%d connections in a second", n)
		}
	})
}

// A server may close the connection because of one query, and answer all others. That query is also
// asked again less and less often (RFC 9520, section 3.1), and the others are answered.
func TestClosedForOneQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		var bad atomic.Int64
		f.handle = func(q []byte, reply func([]byte)) {
			if strings.HasPrefix(name(q), "bad") {
				bad.Add(1)
				f.Reset()
				return
			}
			echo(q, reply)
		}
		fwd := forward(t, Config{Timeout: 3 * time.Second}, inMemory(t, f))
		var group sync.WaitGroup
		done := make(chan struct{})
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					exchangeOK(t, fwd, fmt.Sprintf("good%d.example", i), Other)
				}
			}
		})
		_, _ = exchangeErr(t, fwd, "bad.example", Other)
		close(done)
		group.Wait()
		if n := bad.Load(); n < 3 || n > 60 {
			t.Errorf("asked %d times in 3 s", n)
		}
	})
}

// If a server no longer closes its connections, that is soon known. It is the same if the allowance
// was learned by chance.
func TestAllowanceIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, &fake{Server: testkit.Server{InOrder: true}})
		fwd := forward(t, Config{}, f)
		s := fwd.set.Load().order[0]
		s.allowance.most.Store(2)
		load(t, fwd, 300, 50, "n", Other)
		testkit.Eventually(t, "forgotten", func() bool {
			exchangeOK(t, fwd, "more.example", Other)
			return s.allowance.most.Load() == 0
		})
		before := f.Dials.Load()
		load(t, fwd, 300, 50, "then", Other)
		if n := f.Dials.Load() - before; n > 2 {
			t.Errorf("%d more connections", n)
		}
	})
}

// If many connections are closed at the same time, as by a restart, the number of answers on them
// means nothing.
func TestRestartIsNoAllowance(t *testing.T) {
	var a allowance
	for range 10 {
		a.closed(1, time.Second, 2*time.Second) // opened before the first was closed
	}
	for i := range time.Duration(10) {
		a.closed(1+int(i%2), (3+i)*time.Second, (4+i)*time.Second)
	}
	if n := a.most.Load(); n != 0 {
		t.Errorf("%d answers a connection", n)
	}
}
