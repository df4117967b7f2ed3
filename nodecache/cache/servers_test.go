package cache

import (
	"fmt"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// TestServFail shows that a SERVFAIL is kept as RFC 9520, section 3.2, wants.
func TestServFail(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	store(t, c, q, p, 0, "SERVFAIL")
	for _, at := range []struct {
		now  time.Duration
		want State
	}{{0, Failed}, {5*second/2 - 1, Failed}, {5 * second / 2, Retry}, {5 * second / 2, Failed}, {5*second - 1, Failed}} {
		if state, got := get(t, c, ask(t, "A.example. nord"), p, at.now); state != at.want || got != "SERVFAIL" {
			t.Error(at, state, got)
		}
	}
	if state, _ := get(t, c, q, p, 5*second); state != Miss {
		t.Error("kept longer")
	}
	store(t, c, q, p, 0, "SERVFAIL")
	store(t, c, q, p, second, "a.example. 60 A 10.0.0.1")
	if state, _ := get(t, c, q, p, second); state != Fresh {
		t.Error("the failure stays")
	}
	p.ServFail.First = 0
	if _, _, kept := c.Store(nil, ask(t, "b.example."), response(t, ask(t, "b.example."), "SERVFAIL"), &anyone, p, 0); kept {
		t.Error("kept against the policy")
	}
	bare := append([]byte{0x42, 0x42, 0x81, 0x82}, make([]byte, 8)...)
	if _, v, kept := c.Store(nil, q, bare, &anyone, usual(), 0); !kept || v.Kind != wire.Failed {
		t.Error("a SERVFAIL without a question")
	}
}

// TestRefusal shows that a refusal is kept for 1 s with its code (RFC 9520, sections 2.2, 2.7,
// 3.2), whatever `servfail` says. An answer in the cache is preferred to it.
func TestRefusal(t *testing.T) {
	for _, code := range []string{"REFUSED", "FORMERR", "NOTIMP", "NOTAUTH", "NOTZONE"} {
		c, p, q, s := roomy(), usual(), ask(t, "a.example."), new(Servers)
		p.ServFail = Backoff{}
		for _, now := range []time.Duration{0, second, 2 * second} { // it does not last longer for coming again
			if _, v, kept := c.Store(nil, q, response(t, q, code), s, p, now); !kept || v.Kind != wire.Refusal {
				t.Errorf("%s: kept: %v, %+v", code, kept, v)
			}
			for _, at := range []time.Duration{now, now + second - 1} {
				if state, got := get(t, c, q, p, at); state != Failed || got != code {
					t.Errorf("%s at %v: state %d, %s", code, at, state, got)
				}
			}
			if state, _ := get(t, c, q, p, now+second); state != Miss {
				t.Errorf("%s is kept longer than 1 s: state %d", code, state)
			}
		}
		c.Store(nil, q, response(t, q, code), s, p, 3*second)
		s.Replaced()
		if state, _ := get(t, c, q, p, 3*second); state != Miss {
			t.Errorf("%s of servers that were replaced: state %d", code, state)
		}
		store(t, c, q, p, 4*second, "a.example. 60 A 10.0.0.1")
		c.Store(nil, q, response(t, q, code), s, p, 4*second)
		if state, got := get(t, c, q, p, 4*second); state != Fresh {
			t.Errorf("%s in the way of an answer: state %d, %s", code, state, got)
		}
	}
	q := ask(t, "a.example.")
	dname := response(t, q, "YXDOMAIN", "example. 60 DNAME long.example.")
	if _, _, kept := roomy().Store(nil, q, dname, &anyone, usual(), 0); kept {
		t.Error("a YXDOMAIN, whose DNAME would be lost (RFC 6672, section 2.2)")
	}
}

// TestParent shows that a SERVFAIL ends before its time once the same servers resolve anything
// below its parent, but not within 1 s (RFC 9520, section 3.2).
func TestParent(t *testing.T) {
	const resolves, denied = "NOERROR", "NXDOMAIN"
	for _, tt := range []struct {
		failed, name, answer string
		other, ends          bool
	}{
		{"a.sub.example.", "b.sub.example.", resolves, false, true},
		{"a.sub.example.", "B.SUB.example.", denied, false, true},
		{"A.Sub.example.", "sub.example.", resolves, false, true},
		{"a.sub.example.", "x.y.b.sub.example.", denied, false, true},
		{"example.", "org.", resolves, false, true},
		{"a.sub.example.", "b.sub.example.", resolves, true, false},
		{"a.sub.example.", "b.example.", resolves, false, false},
		{"a.sub.example.", "b.sub.example.", "SERVFAIL", false, false},
		{"a.sub.example.", "b.sub.example.", "REFUSED", false, false},
	} {
		c, p, q, s := roomy(), usual(), ask(t, tt.failed), new(Servers)
		p.ServFail = Backoff{First: second, Max: 5 * second}
		now := time.Duration(0)
		for range 4 {
			c.Store(nil, q, response(t, q, "SERVFAIL"), s, p, now)
			now += second
		}
		now -= second // 1, 2, 4, 5 s
		by := s
		if tt.other {
			by = new(Servers)
		}
		other := ask(t, tt.name)
		c.Store(nil, other, response(t, other, tt.answer, "--", soa), by, p, now)
		if state, _ := get(t, c, q, p, now+second-1); state != Failed {
			t.Errorf("%+v: ends within 1 s", tt)
		}
		if state, _ := get(t, c, q, p, now+second); (state == Miss) != tt.ends {
			t.Errorf("%+v: state %d after 1 s", tt, state)
		}
		if tt.ends { // and all begins anew
			c.Store(nil, q, response(t, q, "SERVFAIL"), s, p, now+second)
			if state, _ := get(t, c, q, p, now+2*second); state != Miss {
				t.Errorf("%+v: kept for more than 1 s at first", tt)
			}
		}
	}
}

// TestParentsBounded shows that the list of parents stays short, and is empty once all of them work.
func TestParentsBounded(t *testing.T) {
	c, p, s := roomy(), usual(), new(Servers)
	fail := func(name string) {
		q := ask(t, name)
		c.Store(nil, q, response(t, q, "SERVFAIL"), s, p, 0)
	}
	for i := range 3 * maxParents {
		fail(fmt.Sprintf("a.n%d.example.", i))
	}
	if n := len(s.parents.list); n > maxParents || n == 0 {
		t.Errorf("%d parents", n)
	}
	clear(s.parents.list)
	fail("a.b.example.")
	q := ask(t, "c.b.example.")
	c.Store(nil, q, response(t, q, "c.b.example. 60 A 10.0.0.1"), s, p, 0)
	if n := len(s.parents.list); n != 0 || s.parents.any.Load() {
		t.Errorf("%d parents are left", n)
	}
}

func TestBackoff(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	p.ServFail = Backoff{First: 5 * second, Max: 30 * time.Minute}
	now, got := time.Duration(0), ""
	for range 9 {
		store(t, c, q, p, now, "SERVFAIL")
		start := now
		for {
			if state, _ := get(t, c, q, p, now); state == Miss {
				break
			}
			now += second
		}
		got += fmt.Sprint((now - start).Seconds(), " ")
	}
	if got != "5 10 20 40 80 160 300 300 300 " {
		t.Error(got)
	}
	now += LongestFailure + second
	store(t, c, q, p, now, "SERVFAIL")
	if state, _ := get(t, c, q, p, now+5*second); state != Miss {
		t.Error("a failure long ago counts")
	}
	for _, tt := range []struct {
		b    Backoff
		n    uint8
		want time.Duration
	}{
		{Backoff{time.Millisecond, 0}, 1, second}, {Backoff{time.Millisecond, 0}, 200, second},
		{Backoff{time.Hour, 0}, 1, 5 * time.Minute}, {Backoff{5 * second, second}, 9, 5 * second},
		{Backoff{second, time.Hour}, 255, 5 * time.Minute},
	} {
		if got := tt.b.after(tt.n); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestFail shows that a timeout is remembered for a second, or until the servers are back.
func TestFail(t *testing.T) {
	c, p, a, b := roomy(), usual(), ask(t, "a.example."), ask(t, "b.example.")
	var one, two Servers
	state := func(q *wire.Query, now time.Duration) State {
		s, _ := get(t, c, q, p, now)
		return s
	}
	c.Fail(a, &one, p, wire.Error{}, 0)
	c.Fail(b, &two, p, wire.Error{}, 0)
	if state(a, second-1) != Failed || state(a, second) != Miss || state(b, 0) != Failed {
		t.Error("not a second")
	}
	one.Recovered()
	if state(a, 0) != Miss || state(b, 0) != Failed {
		t.Error("recovery clears what it should not, or not what it should")
	}
	c.Fail(a, &one, p, wire.Error{}, 0)
	if state(a, 0) != Failed {
		t.Error("a failure after recovery is void")
	}
	one.Recovered()
	one.Recovered()
	if state(a, 0) != Miss || one.epoch.Load() != 2 {
		t.Error("recovered again")
	}
	store(t, c, a, p, 0, "SERVFAIL")
	one.Recovered()
	if state(a, 0) != Failed {
		t.Error("the recovery of the servers ended a SERVFAIL that they had sent")
	}
}

// TestReplaced shows that every failure ends that is blamed on servers which are no longer asked:
// the SERVFAILs that they sent, how often these came, and the queries that they left unanswered.
func TestReplaced(t *testing.T) {
	c, p, a, b := roomy(), usual(), ask(t, "a.example."), ask(t, "b.example.")
	p.ServFail = Backoff{First: second, Max: time.Hour}
	var one, two Servers
	state := func(q *wire.Query, now time.Duration) State {
		s, _ := get(t, c, q, p, now)
		return s
	}
	fail := func(q *wire.Query, s *Servers) { c.Store(nil, q, response(t, q, "SERVFAIL"), s, p, 0) }
	for range 9 {
		fail(a, &one)
		fail(b, &two)
	}
	two.Replaced()
	if state(a, 100*second) != Failed || state(b, 0) != Miss {
		t.Error("not just the failures of the replaced servers ended")
	}
	fail(b, &two)
	if state(b, second-1) != Failed || state(b, second) != Miss {
		t.Error("the failures of the servers before still count")
	}
	c.Fail(b, &two, p, wire.Error{}, 0)
	two.Replaced()
	if state(b, 0) != Miss {
		t.Error("a timeout of the replaced servers did not end")
	}
}
