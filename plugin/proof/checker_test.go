package proof

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestDue shows that the first answer with a hash is compared, and few of the others.
func TestDue(t *testing.T) {
	c := New()
	f := &fake{lane: always(reply()), chain: always(reply())}
	for range 2 { // to be due changes nothing
		if !c.Due(1) {
			t.Error("what nobody compared is not due")
		}
	}
	if !c.Check(f, asked(false), f.lane(0)) {
		t.Fatal("not compared")
	}
	due := 0
	const asked = 1000 * sampleEvery
	for range asked {
		if c.Due(1) {
			due++
		}
	}
	if due < 700 || due > 1300 { // 9 standard deviations
		t.Errorf("%d of %d are due again, expected about 1000", due, asked)
	}
	if !c.Due(2) || !c.Due(1<<40) {
		t.Error("another hash is not due")
	}
}

// TestForgets shows that the names of many reloads, or of a flood, don't make new ones look as if they
// were compared before.
func TestForgets(t *testing.T) {
	c, r := New(), rand.New(rand.NewPCG(1, 2))
	for range 20 * mostAdded {
		c.seen.add(r.Uint64())
	}
	const asked = 10_000
	seen := 0
	for range asked {
		if c.seen.has(r.Uint64()) {
			seen++
		}
	}
	if seen > asked/7 {
		t.Errorf("%d of %d new names look as if they were compared", seen, asked)
	}
	if c.seen.add(7); !c.seen.has(7) {
		t.Error("what was added last is forgotten")
	}
}

func TestAllocations(t *testing.T) {
	c := New()
	hash := uint64(0)
	if n := testing.AllocsPerRun(1000, func() { c.Due(hash); hash += 1 << 20 }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFlood shows that a flood of names which nobody asked before costs no more memory and no more
// goroutines than its bounds say, even if CoreDNS's answers to all of them differ.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{lane: always(reply(address("30", "10.0.0.1"))), chain: always(reply(address("30", "10.0.0.2")))}
		c, stop := run()
		synctest.Wait() // until the workers run
		before, most, taken := runtime.NumGoroutine(), 0, 0
		for i := range 100_000 {
			q := asked(true)
			q.Hash = uint64(i)
			if c.Due(q.Hash) && c.Check(f, q, f.lane(0)) {
				taken++
			}
			most = max(most, runtime.NumGoroutine())
		}
		if most > before+mostDoubts {
			t.Errorf("%d goroutines more", most-before)
		}
		if taken < mostQueued {
			t.Errorf("%d compared, expected at least %d", taken, mostQueued)
		}
		time.Sleep(time.Minute)
		stop()
		if most := taken + mostDoubts*(1+2*rounds); f.chained > most {
			t.Errorf("%d queries to CoreDNS for %d comparisons, expected at most %d", f.chained, taken, most)
		}
		if len(f.reported) != 1 {
			t.Errorf("reported %d times, expected once", len(f.reported))
		}
	})
}

// TestOnce shows that of several doubts which end at the same time one is reported.
func TestOnce(t *testing.T) {
	c, f := New(), &fake{lane: always(reply())}
	var reports sync.WaitGroup
	for range mostDoubts {
		reports.Go(func() { c.report(&job{Asker: f}, &Difference{}) })
	}
	reports.Wait()
	if len(f.reported) != 1 {
		t.Errorf("reported %d times", len(f.reported))
	}
}

// TestBusy shows that a query for which there is no room stays due.
func TestBusy(t *testing.T) {
	c := New()
	f := &fake{lane: always(reply())}
	for range mostQueued {
		c.Check(f, asked(false), f.lane(0))
	}
	q := asked(false)
	q.Hash = 2
	if c.Check(f, q, f.lane(0)) || !c.Due(2) {
		t.Error("a query for which there is no room counts as compared")
	}
}

// TestCopies shows that the buffers of a query and its answer may be used again at once.
func TestCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{lane: always(reply(address("5", "10.0.0.1"))), chain: always(reply(address("5", "10.0.0.1")))}
		c, stop := run()
		q, answer := asked(false), f.lane(0)
		answer = append([]byte(nil), answer...)
		c.Check(f, q, answer)
		clear(q.Message)
		clear(answer)
		time.Sleep(time.Second)
		stop()
		if f.chained != 1 {
			t.Errorf("CoreDNS was asked %d times", f.chained)
		}
	})
}

// TestEnd shows that the end of an instance waits for nothing, and that each query taken was asked.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{lane: always(reply(address("30", "10.0.0.1"))), chain: always(reply(address("30", "10.0.0.2")))}
		c, stop := run()
		taken := 0
		for i := range 100 {
			q := asked(true)
			q.Hash = uint64(i)
			if c.Check(f, q, f.lane(0)) {
				taken++
			}
		}
		start := time.Now()
		stop()
		if passed := time.Since(start); passed > 0 {
			t.Errorf("the end took %v", passed)
		}
		if f.chained < taken {
			t.Errorf("%d of %d queries were asked", f.chained, taken)
		}
		if c.Check(f, asked(true), f.lane(0)) {
			t.Error("a query was taken after the end")
		}
		if f.reported != nil {
			t.Error(f.reported)
		}
	})
}
