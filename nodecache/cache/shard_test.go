package cache

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// unique changes the first label, which must have the form n0000000, of q and of the response b.
func unique(q *wire.Query, b []byte, i int) {
	for at := 8; at > 1; at-- {
		q.Name[at] = byte('0' + i%10)
		b[wire.HeaderLen+at] = q.Name[at]
		i /= 10
	}
}

// numbered returns a query and its response for unique to change.
func numbered(t testing.TB, records ...string) (*wire.Query, []byte) {
	q := ask(t, "n0000000.team-1.example.")
	b, ok := wire.Repack(nil, response(t, q, records...))
	if !ok {
		t.Fatal("not packed")
	}
	return q, b
}

// TestBound offers 1,000,000 names. Memory stays what it was after the first 50,000, and the
// bytes that are counted are about those that the heap holds.
func TestBound(t *testing.T) {
	limit := Limits{Entries: 10000, Bytes: 4 << 20}
	before := heap()
	c := New(Options{Success: limit, Denial: limit, Failure: limit})
	p, names := usual(), 1000000
	if testing.Short() {
		names = 100000
	}
	q, yes := numbered(t, "n0000000.team-1.example. 60 A 10.0.0.1")
	_, no := numbered(t, "NXDOMAIN", "--", soa)
	var early uint64
	for i := range names {
		switch unique(q, yes, i); i % 4 {
		case 0:
			c.Fail(q, new(Servers), p, wire.Error{}, 0)
		case 1:
			unique(q, no, i)
			c.Store(nil, q, no, &anyone, p, 0)
		default:
			c.Store(nil, q, yes, &anyone, p, 0)
		}
		if i == 50000 {
			early = heap() - before
		}
	}
	late, st := heap()-before, c.Stats()
	counted := uint64(c.held(success) + c.held(denial) + c.held(failure))
	t.Logf("heap %d, earlier %d, counted %d: %+v", late, early, counted, st)
	if st.Success.Entries > 10000+64 || st.Denial.Entries > 10000+64 || counted > 3*(4<<20) {
		t.Error("above the limits")
	}
	if late > early+early/10 || late > counted+counted/4 || late < counted/2 {
		t.Error("the heap does not follow")
	}
	runtime.KeepAlive(c)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBytes shows that the limit in bytes holds where it is met before the limit of entries.
func TestBytes(t *testing.T) {
	limit := Limits{Entries: 1000, Bytes: 20000}
	c := New(Options{Success: limit, Denial: limit, Failure: limit, shards: 1})
	q, b := numbered(t, "n0000000.team-1.example. 60 A 10.0.0.1")
	for i := range 500 {
		unique(q, b, i)
		c.Store(nil, q, b, &anyone, usual(), 0)
		if st := c.Stats(); c.held(success) > limit.Bytes || st.Success.Entries == 0 {
			t.Fatalf("%+v", st)
		}
	}
	st := c.Stats()
	if st.Success.Entries+int(st.Success.Evictions) != 500 || st.Success.Entries < 40 {
		t.Errorf("%+v", st)
	}
	if state, _ := get(t, c, q, usual(), 0); state != Fresh {
		t.Error("the last one is not there")
	}
	limit.Bytes /= 2
	c.SetLimits(Options{Success: limit})
	if half := c.Stats(); c.held(success) > limit.Bytes || half.Success.Entries == 0 {
		t.Errorf("%+v", half)
	}
	c.SetLimits(Options{Success: Limits{Entries: 10, Bytes: 100}})
	if _, _, kept := c.Store(nil, q, b, &anyone, usual(), 0); kept {
		t.Error("kept what is larger than all the room")
	}
}

// TestLeastUsed shows that the entry goes first that was not used for the longest time.
func TestLeastUsed(t *testing.T) {
	limit := Limits{Entries: 3, Bytes: 1 << 20}
	c, p := New(Options{Success: limit, Denial: limit, Failure: limit, shards: 1}), usual()
	for _, n := range []string{"a.", "b.", "c."} {
		store(t, c, ask(t, n), p, 0, n+" 60 A 10.0.0.1")
	}
	get(t, c, ask(t, "a."), p, 0)
	store(t, c, ask(t, "d."), p, 0, "d. 60 A 10.0.0.1")
	for n, want := range map[string]State{"a.": Fresh, "b.": Miss, "c.": Fresh, "d.": Fresh} {
		if state, _ := get(t, c, ask(t, n), p, 0); state != want {
			t.Errorf("%s: %d", n, state)
		}
	}
}

// TestUsedStays shows that names in use outlive a flood of others.
func TestUsedStays(t *testing.T) {
	limit := Limits{Entries: 200, Bytes: 1 << 20}
	c, p := New(Options{Success: limit, Denial: limit, Failure: limit, shards: 1}), usual()
	q, b := numbered(t, "n0000000.team-1.example. 60 A 10.0.0.1")
	for i := range 50000 {
		unique(q, b, i)
		c.Store(nil, q, b, &anyone, p, 0)
		unique(q, b, i%50)
		if _, _, state := c.Append(nil, q, p, 0); state != Fresh && i > 50 {
			t.Fatalf("%v is gone after %d", q.Name, i)
		}
	}
}

// TestCollision shows that another name with the same hash is a miss, and is replaced.
func TestCollision(t *testing.T) {
	s := newShard([classes]Limits{{10, 1 << 20}, {10, 1 << 20}, {10, 1 << 20}})
	key := func(text string) []byte { return wire.AppendKey(nil, ask(t, text)) }
	entry := func(text string) *entry {
		return newEntry(key(text), wire.AppendHeader(nil, ask(t, text), wire.NoError, wire.RA), wire.Error{}, 0, second)
	}
	a := entry("a.example.")
	s.put(success, 7, a, usual())
	if e, _ := s.fresh(7, key("b.example."), usual(), 0); e != nil {
		t.Error("b is a")
	}
	if e, _ := s.fresh(7, key("a.example."), usual(), 0); e != a {
		t.Error("a is gone")
	}
	for _, other := range []string{"a.example. do", "a.example. AAAA", "a.example.a.", "a."} {
		if a.is(key(other)) {
			t.Errorf("a is %s", other)
		}
	}
	s.put(success, 7, entry("b.example."), usual())
	if p := &s.parts[success]; p.lru.Len() != 1 || p.bytes != entry("b.example.").weight() {
		t.Errorf("%d entries, %d bytes", p.lru.Len(), p.bytes)
	}
}

func TestShards(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		most int
	}{
		{Options{}, 1}, {Options{Success: Limits{Entries: 100}}, 1}, {Options{Success: Limits{Entries: 9984}}, 64},
		{Options{shards: 5}, 4}, {Options{shards: 16}, 16},
	} {
		if n := tt.o.count(); n > tt.most || n&(n-1) != 0 || n < 1 {
			t.Errorf("%+v: %d", tt.o, n)
		}
	}
}

// TestRace uses one cache from several goroutines. It looks for races and for torn replies.
func TestRace(t *testing.T) {
	limit := Limits{Entries: 100, Bytes: 1 << 20}
	c := New(Options{Success: limit, Denial: limit, Failure: limit, shards: 4})
	p := usual()
	p.Prefetch = Popularity{Amount: 1, Gap: time.Minute, Percent: 50}
	var servers Servers
	var hits atomic.Int64
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			q, yes := numbered(t, "n0000000.team-1.example. 2 A 10.0.0.1", "n0000000.team-1.example. 2 A 10.0.0.2")
			_, no := numbered(t, "NXDOMAIN", "--", soa)
			var buf []byte
			for i := range 5000 {
				now := time.Duration(i) * time.Millisecond
				unique(q, yes, i%150)
				switch (i + worker) % 16 {
				case 0:
					c.Store(nil, q, yes, &anyone, p, now)
				case 1:
					unique(q, no, i%150)
					c.Store(nil, q, no, &anyone, p, now)
				case 2:
					c.Fail(q, &servers, p, wire.Error{}, now)
					servers.Recovered()
				case 3:
					c.AppendStale(nil, q, p, now)
					c.Knows(q, now)
					c.Stats()
				case 4:
					c.Remove(q)
				default:
					reply, _, state := c.Append(buf[:0], q, p, now)
					if buf = reply; state != Miss {
						hits.Add(1)
						check(t, q, reply)
					}
				}
			}
		})
	}
	all.Wait()
	if hits.Load() == 0 {
		t.Error("no hits")
	}
}

// check checks a reply against what was stored for every name.
func check(t *testing.T, q *wire.Query, reply []byte) {
	w := wire.Walk(reply)
	for w.Next() {
		if w.TTL > 30 || w.TTL == 0 {
			t.Errorf("TTL %d", w.TTL)
		}
	}
	if !w.OK() || !q.Matches(reply) {
		t.Errorf("%x", reply)
	}
}
