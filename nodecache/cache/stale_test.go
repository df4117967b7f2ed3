package cache

import (
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

func TestStale(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	store(t, c, q, p, 0, "a.example. 60 A 10.0.0.1")
	for _, tt := range []struct {
		at   time.Duration
		want State
		text string
	}{
		{50 * second, Fresh, "NOERROR; a.example. 10 IN A 10.0.0.1"},
		{60 * second, Stale, "NOERROR; a.example. 30 IN A 10.0.0.1"},
		{time.Hour + 60*second - 1, Stale, "NOERROR; a.example. 30 IN A 10.0.0.1"},
		{time.Hour + 60*second, Miss, ""},
	} {
		if state, got := getStale(t, c, q, p, tt.at); state != tt.want || got != tt.text {
			t.Errorf("at %v: state %d, %s", tt.at, state, got)
		}
	}
	p.Stale = 0
	if state, _ := getStale(t, c, q, p, 60*second); state != Miss {
		t.Error("stale answers are off")
	}
}

// TestStaleFailure shows that a failure is never given as a stale answer, and replaces no answer
// that may be (RFC 8767, section 5).
func TestStaleFailure(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	store(t, c, q, p, 0, "SERVFAIL")
	if state, got := getStale(t, c, q, p, 0); state != Miss {
		t.Error(got)
	}
	if state, got := getStale(t, c, q, p, 10*second); state != Miss {
		t.Error(got)
	}
	store(t, c, q, p, 0, "NXDOMAIN", "--", soa)
	store(t, c, q, p, 40*second, "SERVFAIL")
	c.Fail(q, new(Servers), p, wire.Error{}, 40*second)
	if state, _ := get(t, c, q, p, 40*second); state != Failed {
		t.Error("the failure is not known")
	}
	if state, got := getStale(t, c, q, p, 40*second); state != Stale || got != "NXDOMAIN; example. 30 IN SOA ns.example. root.example. 1 2 3 4 30" {
		t.Error(state, got)
	}
}

// TestPreferPositive shows that the last success is preferred to a later denial.
func TestPreferPositive(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	p.PreferPositive = true
	store(t, c, q, p, 0, "a.example. 20 A 10.0.0.1")
	store(t, c, q, p, 10*second, "NXDOMAIN", "--", soa)
	if state, got := get(t, c, q, p, 10*second); state != Fresh || got[:7] != "NOERROR" {
		t.Error(state, got)
	}
	if state, _ := get(t, c, q, p, 20*second); state != Miss {
		t.Error("the denial has a say")
	}
	if state, got := getStale(t, c, q, p, 20*second); state != Stale || got[:7] != "NOERROR" {
		t.Error(state, got)
	}
	store(t, c, q, p, time.Hour, "NXDOMAIN", "--", soa)
	if state, got := get(t, c, q, p, time.Hour+25*second); state != Fresh || got[:8] != "NXDOMAIN" {
		t.Error(state, got)
	}
}

// TestRecheck shows after which responses a name is not asked again for the policy's Recheck: those
// that do not replace an expired answer (RFC 8767, section 5: the failure recheck timer).
func TestRecheck(t *testing.T) {
	const recheck = 40 * second
	denied, answer := []string{"NXDOMAIN", "--", soa}, []string{"a.example. 60 A 10.0.0.1"}
	for name, tt := range map[string]struct {
		old    []string
		prefer bool
		new    []string      // empty for none
		want   time.Duration // until it is asked again
	}{
		"SERVFAIL":                     {old: answer, new: []string{"SERVFAIL"}, want: recheck},
		"SERVFAIL, no old answer":      {new: []string{"SERVFAIL"}, want: second},
		"SERVFAIL, an old denial":      {old: denied, new: []string{"SERVFAIL"}, want: recheck},
		"REFUSED":                      {old: answer, new: []string{"REFUSED"}, want: recheck},
		"REFUSED, no old answer":       {new: []string{"REFUSED"}, want: second},
		"no answer":                    {old: answer, want: recheck},
		"no answer, none before":       {want: second},
		"NODATA without SOA":           {old: answer, new: []string{"NOERROR"}},
		"NODATA without SOA, positive": {old: answer, prefer: true, new: []string{"NOERROR"}, want: recheck},
		"NXDOMAIN, positive":           {old: answer, prefer: true, new: denied, want: recheck},
		"an answer":                    {old: answer, new: []string{"a.example. 0 A 10.0.0.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, p, q, s := roomy(), usual(), ask(t, "a.example."), new(Servers)
			p.Recheck, p.PreferPositive, p.Positive.Min = recheck, tt.prefer, 0
			p.ServFail.First = second
			if tt.old != nil {
				store(t, c, q, p, 0, tt.old...)
			}
			now := 2 * time.Minute
			if len(tt.new) == 0 {
				c.Fail(q, s, p, wire.Error{}, now)
			} else {
				c.Store(nil, q, response(t, q, tt.new...), s, p, now)
				s.Recovered() // it did answer
			}
			for _, at := range []time.Duration{0, second - 1, second, recheck - 1, recheck} {
				if state, _ := get(t, c, q, p, now+at); (state == Failed) != (at < tt.want) {
					t.Errorf("after %v: state %d", at, state)
				}
			}
		})
	}
}

// TestRecheckEnds shows that a name is asked again once the expired answer may not be used any
// more or is gone, once other servers are asked, and once the silent server is back.
func TestRecheckEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		at         time.Duration // after it expired
		does       func(c *Cache, q *wire.Query, s *Servers)
		unanswered bool
		want       State
	}{
		"it stands":            {at: 20 * second, want: Failed},
		"too old":              {at: 30 * second, want: Miss},
		"gone":                 {at: 20 * second, does: func(c *Cache, q *wire.Query, _ *Servers) { c.Remove(q) }, want: Miss},
		"back":                 {at: 20 * second, does: func(_ *Cache, _ *wire.Query, s *Servers) { s.Recovered() }, unanswered: true, want: Miss},
		"back, but it refused": {at: 20 * second, does: func(_ *Cache, _ *wire.Query, s *Servers) { s.Recovered() }, want: Failed},
		"other servers":        {at: 20 * second, does: func(_ *Cache, _ *wire.Query, s *Servers) { s.Replaced() }, want: Miss},
	} {
		t.Run(name, func(t *testing.T) {
			c, p, q, s := roomy(), usual(), ask(t, "a.example."), new(Servers)
			p.Recheck, p.Stale = 5*time.Minute, 30*second
			store(t, c, q, p, 0, "a.example. 60 A 10.0.0.1")
			if tt.unanswered {
				c.Fail(q, s, p, wire.Error{}, 60*second)
			} else {
				c.Store(nil, q, response(t, q, "REFUSED"), s, p, 60*second)
			}
			if tt.does != nil {
				tt.does(c, q, s)
			}
			if state, _ := get(t, c, q, p, 60*second+tt.at); state != tt.want {
				t.Errorf("state %d, want %d", state, tt.want)
			}
		})
	}
}

// TestRecheckDenial shows that a denial is used for its whole life if there is no success to prefer.
func TestRecheckDenial(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	p.Recheck, p.PreferPositive = 5*time.Minute, true
	for _, now := range []time.Duration{0, time.Minute} { // the second time, the first has expired
		store(t, c, q, p, now, "NXDOMAIN", "--", soa)
		if state, _ := get(t, c, q, p, now+29*second); state != Fresh {
			t.Errorf("state %d", state)
		}
		if state, _ := get(t, c, q, p, now+30*second); state != Miss {
			t.Errorf("state %d once the denial has expired", state)
		}
	}
}

func TestPrefetch(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	p.Prefetch = Popularity{Amount: 3, Gap: time.Minute, Percent: 10}
	store(t, c, q, p, 0, "a.example. 100 A 10.0.0.1")
	for i, tt := range []struct {
		at   time.Duration
		want State
	}{
		{10 * second, Fresh},
		{20 * second, Fresh},
		{85 * second, Fresh}, // a gap: this is the first again
		{90 * second, Fresh},
		{90*second + 1, Prefetch},
		{90*second + 2, Fresh}, // somebody is at it
		{93 * second, Fresh},
		{93*second + 1, Prefetch}, // it took too long
		{99 * second, Prefetch},
		{100 * second, Miss},
	} {
		if state, _ := get(t, c, q, p, tt.at); state != tt.want {
			t.Errorf("%d, at %v: %d, want %d", i, tt.at, state, tt.want)
		}
	}
	store(t, c, q, p, 100*second, "a.example. 5 A 10.0.0.1")
	if state, _ := get(t, c, q, p, 104*second); state != Prefetch {
		t.Error("a new answer is not as popular as the one it replaced")
	}
	p.Prefetch = Popularity{}
	if state, _ := get(t, c, q, p, 104*second+500); state != Fresh {
		t.Error("prefetch is off")
	}
}
