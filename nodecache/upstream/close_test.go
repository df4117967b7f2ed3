package upstream

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// RFC 7766 section 6.2.4: a server may close a connection at any time, after each answer too,
// and what it still owes is asked again. That must cost no answer, however many wait.
func TestServerClosesAfterEachAnswerRFC7766(t *testing.T) {
	for _, limit := range []int{1, 2, 3} {
		for _, outstanding := range []int{20, 50, 100} {
			for _, proto := range []Proto{TCP, UDP} { // over UDP answers are truncated
				t.Run(fmt.Sprintf("%d answers, %d outstanding, %v", limit, outstanding, proto), func(t *testing.T) {
					f := serve(t, &fake{inOrder: true, limit: limit, cuts: proto == UDP, handle: func(q []byte, reply func([]byte)) {
						time.Sleep(time.Millisecond)
						echo(q, reply)
					}})
					p := pool(t, Config{Servers: []Endpoint{f.endpoint(proto)}, ReadTimeout: 30 * time.Second})
					load(t, p, 1000, outstanding, "n", Other)
					if p.Out() {
						t.Error("a server that answers is not out")
					}
				})
			}
		}
	}
}

// Once it is known how many such a server answers, nothing is sent in vain.
func TestAnswersPerConnectionAreLearned(t *testing.T) {
	for _, limit := range []int{1, 2, 20} {
		f := serve(t, &fake{inOrder: true, limit: limit, handle: func(q []byte, reply func([]byte)) {
			time.Sleep(time.Millisecond)
			echo(q, reply)
		}})
		var asked atomic.Int64
		p := pool(t, Config{ReadTimeout: 30 * time.Second, Hedge: -1, Trace: Trace{Asked: func(Endpoint, bool, bool) { asked.Add(1) }}}, f)
		load(t, p, 200, 50, "learn", Other)
		before, dials := asked.Load(), f.dials.Load()
		load(t, p, 600, 50, "n", Other)
		inVain, conns := asked.Load()-before-600, f.dials.Load()-dials
		t.Logf("%d answers: %d asked again of 600, %d connections", limit, inVain, conns)
		if conns > int64(2*600/limit) {
			t.Errorf("%d answers: %d connections for 600 queries", limit, conns)
		}
		if most := f.most.Load(); most > int64(max(4, connBusy/limit)) {
			t.Errorf("%d answers: %d connections at a time", limit, most)
		}
	}
}

// A connection that is closed before it said a word costs the queries on it no more than the
// next try.
func TestClosedWithoutAWord(t *testing.T) {
	for _, times := range []int64{1, 2, 3} {
		closedWithoutAWord(t, 1, func(conn int64) bool { return conn <= times })
	}
	// Nor does it where only some are closed so, however many: the server lives.
	closedWithoutAWord(t, 50, func(conn int64) bool { return conn%4 != 0 })
}

func closedWithoutAWord(t *testing.T, rounds int, closed func(conn int64) bool) {
	t.Helper()
	f := &fake{inOrder: true, limit: 1}
	f.handle = func(q []byte, reply func([]byte)) {
		if !closed(f.dials.Load()) {
			echo(q, reply)
		}
	}
	serve(t, f)
	p := pool(t, Config{Timeout: 30 * time.Second}, f)
	for round := range rounds {
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() { exchangeOK(t, p, fmt.Sprintf("n%d-%d.example", i, round), Other) })
		}
		group.Wait()
	}
}

// A server that closes every connection so is not asked in a tight loop, and the time-out holds.
func TestAlwaysClosedWithoutAWord(t *testing.T) {
	f := &fake{inOrder: true}
	f.handle = func([]byte, func([]byte)) { f.reset() }
	serve(t, f)
	p := pool(t, Config{Timeout: time.Second, MaxFails: -1}, f)
	began := time.Now()
	if _, err := exchangeErr(t, p, "a.example", Other); err == nil || !p.Out() {
		t.Errorf("%v; out: %v", err, p.Out())
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if n := f.dials.Load(); n < 3 || n > 10 {
		t.Errorf("%d connections in a second", n)
	}
}

// A query for which a server closes the connection, while it answers all others, is asked again
// less and less often too (RFC 9520, section 3.1), and the others are answered.
func TestClosedForOneQuery(t *testing.T) {
	f := &fake{}
	var bad atomic.Int64
	f.handle = func(q []byte, reply func([]byte)) {
		if strings.HasPrefix(name(q), "bad") {
			bad.Add(1)
			f.reset()
			return
		}
		echo(q, reply)
	}
	serve(t, f)
	p := pool(t, Config{Timeout: 3 * time.Second}, f)
	var group sync.WaitGroup
	done := make(chan struct{})
	group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				exchangeOK(t, p, fmt.Sprintf("good%d.example", i), Other)
			}
		}
	})
	_, _ = exchangeErr(t, p, "bad.example", Other)
	close(done)
	group.Wait()
	if n := bad.Load(); n < 3 || n > 60 {
		t.Errorf("asked %d times in 3 s", n)
	}
}

// A server that closes connections no more is soon known to be one like others. So is one of which
// that was learned by chance.
func TestAllowanceIsForgotten(t *testing.T) {
	f := serve(t, &fake{inOrder: true})
	p := pool(t, Config{}, f)
	s := p.set.Load().order[0]
	s.allowance.most.Store(2)
	load(t, p, 300, 50, "n", Other)
	eventually(t, "forgotten", func() bool {
		exchangeOK(t, p, "more.example", Other)
		return s.allowance.most.Load() == 0
	})
	before := f.dials.Load()
	load(t, p, 300, 50, "then", Other)
	if n := f.dials.Load() - before; n > 2 {
		t.Errorf("%d more connections", n)
	}
}

// What many connections answered that were closed at the same time is no sign, as by a restart.
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
