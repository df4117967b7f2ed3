package cache

import (
	"fmt"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// TestServFail keeps an answered SERVFAIL as RFC 9520, section 3.2, wants.
func TestServFail(t *testing.T) {
	c, p, q := roomy(t), usual(), ask(t, "a.example.")
	store(t, c, q, p, 0, "SERVFAIL")
	if state, got := get(t, c, ask(t, "A.example. nord"), p, 5*second-1); state != Failed {
		t.Error(state, got)
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

func TestBackoff(t *testing.T) {
	c, p, q := roomy(t), usual(), ask(t, "a.example.")
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
	now += longestFailure + second
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

// TestFail remembers a timeout for a second, or until its upstream is back.
func TestFail(t *testing.T) {
	c, p, a, b := roomy(t), usual(), ask(t, "a.example."), ask(t, "b.example.")
	var one, two Source
	state := func(q *wire.Query, now time.Duration) State {
		s, _ := get(t, c, q, p, now)
		return s
	}
	c.Fail(a, &one, p, 0)
	c.Fail(b, &two, p, 0)
	if state(a, second-1) != Failed || state(a, second) != Miss || state(b, 0) != Failed {
		t.Error("not a second")
	}
	one.Recovered()
	if state(a, 0) != Miss || state(b, 0) != Failed {
		t.Error("recovery clears what it should not, or not what it should")
	}
	c.Fail(a, &one, p, 0)
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
		t.Error("an answered SERVFAIL went with the upstream's recovery")
	}
}

// TestReplaced forgets what failed because of servers that are asked no more: SERVFAILs that
// they answered, and how often, and what they did not answer.
func TestReplaced(t *testing.T) {
	c, p, a, b := roomy(t), usual(), ask(t, "a.example."), ask(t, "b.example.")
	p.ServFail = Backoff{First: second, Max: time.Hour}
	var one, two Source
	state := func(q *wire.Query, now time.Duration) State {
		s, _ := get(t, c, q, p, now)
		return s
	}
	fail := func(q *wire.Query, s *Source) { c.Store(nil, q, response(t, q, "SERVFAIL"), s, p, 0) }
	for range 9 {
		fail(a, &one)
		fail(b, &two)
	}
	two.Replaced()
	if state(a, 100*second) != Failed || state(b, 0) != Miss {
		t.Error("not the failures of what was replaced are void")
	}
	fail(b, &two)
	if state(b, second-1) != Failed || state(b, second) != Miss {
		t.Error("the failures of the servers before count")
	}
	c.Fail(b, &two, p, 0)
	two.Replaced()
	if state(b, 0) != Miss {
		t.Error("a timeout of what was replaced stands")
	}
}
