package cache

import (
	"testing"
	"time"
)

func TestStale(t *testing.T) {
	c, p, q := roomy(t), usual(), ask(t, "a.example.")
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
	if st := c.Stats(); st.Stale != 2 {
		t.Errorf("%+v", st)
	}
	p.Stale = 0
	if state, _ := getStale(t, c, q, p, 60*second); state != Miss {
		t.Error("stale answers are off")
	}
}

// TestStaleFailure shows that a failure is never stale, and takes the place of nothing that
// may be (RFC 8767, section 5).
func TestStaleFailure(t *testing.T) {
	c, p, q := roomy(t), usual(), ask(t, "a.example.")
	store(t, c, q, p, 0, "SERVFAIL")
	if state, got := getStale(t, c, q, p, 0); state != Miss {
		t.Error(got)
	}
	if state, got := getStale(t, c, q, p, 10*second); state != Miss {
		t.Error(got)
	}
	store(t, c, q, p, 0, "NXDOMAIN", "--", soa)
	store(t, c, q, p, 40*second, "SERVFAIL")
	c.Fail(q, new(Source), 40*second, 0)
	if state, _ := get(t, c, q, p, 40*second); state != Failed {
		t.Error("the failure is not known")
	}
	if state, got := getStale(t, c, q, p, 40*second); state != Stale || got != "NXDOMAIN; example. 30 IN SOA ns.example. root.example. 1 2 3 4 30" {
		t.Error(state, got)
	}
}

// TestPreferPositive keeps the last success over a denial.
func TestPreferPositive(t *testing.T) {
	c, p, q := roomy(t), usual(), ask(t, "a.example.")
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

func TestPrefetch(t *testing.T) {
	c, p, q := roomy(t), usual(), ask(t, "a.example.")
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
	if st := c.Stats(); st.Prefetches != 4 {
		t.Errorf("%+v", st)
	}
	p.Prefetch = Popularity{}
	if state, _ := get(t, c, q, p, 104*second+500); state != Fresh {
		t.Error("prefetch is off")
	}
}
