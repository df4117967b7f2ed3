package cache

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

const second = time.Second

func TestHit(t *testing.T) {
	c, p := roomy(), usual()
	store(t, c, ask(t, "www.example."), p, 100*second, "www.example. 300 CNAME web.example.", "web.example. 60 A 10.0.0.1")
	for _, tt := range []struct {
		at   time.Duration
		want string
	}{
		{100 * second, "NOERROR; WWW.Example. 300 IN CNAME web.Example.; web.Example. 60 IN A 10.0.0.1"},
		{100*second + 999*time.Millisecond, "NOERROR; WWW.Example. 300 IN CNAME web.Example.; web.Example. 60 IN A 10.0.0.1"},
		{101 * second, "NOERROR; WWW.Example. 299 IN CNAME web.Example.; web.Example. 59 IN A 10.0.0.1"},
		{160*second - 1, "NOERROR; WWW.Example. 241 IN CNAME web.Example.; web.Example. 1 IN A 10.0.0.1"},
		{160 * second, ""},
		{99 * second, "NOERROR; WWW.Example. 300 IN CNAME web.Example.; web.Example. 60 IN A 10.0.0.1"}, // a clock that went back
	} {
		state, got := get(t, c, ask(t, "WWW.Example."), p, tt.at)
		if got != tt.want || state != Fresh && tt.want != "" {
			t.Errorf("at %v: state %d, %s, want %s", tt.at, state, got, tt.want)
		}
	}
}

// TestKeys shows which queries share an answer and which do not.
func TestKeys(t *testing.T) {
	c, p := roomy(), usual()
	store(t, c, ask(t, "www.example. A"), p, 0, "www.example. 60 A 10.0.0.1")
	for text, want := range map[string]State{
		"www.example. A": Fresh, "WWW.EXAMPLE. A": Fresh, "www.example. A ad": Fresh, "www.example. A nord": Fresh,
		"www.example. AAAA": Miss, "www.example. A do": Miss, "www.example. A cd": Miss, "example. A": Miss, "x.www.example. A": Miss,
	} {
		if state, _ := get(t, c, ask(t, text), p, 0); state != want {
			t.Errorf("%s: %d, want %d", text, state, want)
		}
	}
	chaos := ask(t, "www.example.")
	chaos.Class = wire.CH
	if state, _ := get(t, c, chaos, p, 0); state != Miss {
		t.Error("another class")
	}
}

// TestFlags shows that AA is never passed on (RFC 1035, section 4.1.1), and AD only to those who asked
// with DO or AD (RFC 6840, section 5.8).
func TestFlags(t *testing.T) {
	c, p := roomy(), usual()
	for _, text := range []string{"a.example.", "a.example. do"} {
		q := ask(t, text)
		b := response(t, q, "a.example. 60 A 10.0.0.1")
		wire.Message(b).SetFlags(wire.AA|wire.AD|wire.CD, wire.RA)
		if _, _, kept := c.Store(nil, q, b, &anyone, p, 0); !kept {
			t.Fatal(text)
		}
	}
	for text, want := range map[string]wire.Flags{
		"a.example.": 0, "a.example. ad": wire.AD, "a.example. do": wire.AD, "a.example. do ad": wire.AD,
	} {
		b, _, _ := c.Append(nil, ask(t, text), p, 0)
		if got := wire.Message(b).Flags(); got != wire.QR|wire.RD|wire.RA|want {
			t.Errorf("%s: %04x", text, got)
		}
		b, _, _ = c.AppendStale(nil, ask(t, text), p, 61*second)
		if wire.Message(b).Flags()&wire.AA != 0 {
			t.Errorf("%s: authoritative and stale", text)
		}
	}
}

func TestRotation(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "db.example. AAAA")
	store(t, c, q, p, 0, "db.example. 60 AAAA fd00::1", "db.example. 60 AAAA fd00::2", "db.example. 60 AAAA fd00::3")
	first := map[string]int{}
	for range 30 {
		_, got := get(t, c, q, p, 10*second)
		var a, b, d string
		fmt.Sscanf(got, "NOERROR; db.example. 50 IN AAAA fd00::%1s; db.example. 50 IN AAAA fd00::%1s; db.example. 50 IN AAAA fd00::%1s", &a, &b, &d)
		if !slices.Contains([]string{"123", "231", "312"}, a+b+d) {
			t.Fatal(got)
		}
		first[a]++
	}
	if fmt.Sprint(first) != "map[1:10 2:10 3:10]" {
		t.Error(first)
	}
}

func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		ttl    uint32
		bounds Bounds
		want   uint32 // 0: not kept
	}{
		{60, Bounds{5, 3600}, 60}, {60, Bounds{5, 30}, 30}, {2, Bounds{5, 30}, 5}, {0, Bounds{5, 30}, 5},
		{0, Bounds{0, 30}, 0}, {60, Bounds{0, 0}, 0}, {1 << 31, Bounds{0, 604800}, 604800}, // RFC 8767, section 4
	} {
		c, p, q := roomy(), usual(), ask(t, "a.example.")
		p.Positive = tt.bounds
		_, _, kept := c.Store(nil, q, response(t, q, fmt.Sprintf("a.example. %d A 10.0.0.1", tt.ttl)), &anyone, p, 0)
		state, got := get(t, c, q, p, 0)
		if want := fmt.Sprintf("NOERROR; a.example. %d IN A 10.0.0.1", tt.want); kept != (tt.want > 0) || kept && got != want {
			t.Errorf("%+v: state %d, %s", tt, state, got)
		}
		if life := time.Duration(tt.want) * second; kept {
			if state, _ := get(t, c, q, p, life-1); state != Fresh {
				t.Errorf("%+v: gone early", tt)
			}
			if state, _ := get(t, c, q, p, life); state != Miss {
				t.Errorf("%+v: stays", tt)
			}
		}
	}
}

func TestKeepTTL(t *testing.T) {
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	p.KeepTTL = true
	store(t, c, q, p, 0, "a.example. 60 A 10.0.0.1")
	if _, got := get(t, c, q, p, 59*second); got != "NOERROR; a.example. 60 IN A 10.0.0.1" {
		t.Error(got)
	}
	if state, _ := get(t, c, q, p, 60*second); state != Miss {
		t.Error("kept longer")
	}
}

// TestDenial shows that a denial is kept for the lesser of its SOA's TTL and MINIMUM (RFC 2308,
// section 5).
func TestDenial(t *testing.T) {
	for _, tt := range []struct {
		name    string
		records []string
		max     uint32
		want    string
		life    time.Duration
	}{
		{"NXDOMAIN", []string{"NXDOMAIN", "--", soa}, 1800, "NXDOMAIN; example. 30 IN SOA ns.example. root.example. 1 2 3 4 30", 30 * second},
		{"NODATA", []string{"--", soa}, 1800, "NOERROR; example. 30 IN SOA ns.example. root.example. 1 2 3 4 30", 30 * second},
		{"capped", []string{"NXDOMAIN", "--", soa}, 5, "NXDOMAIN; example. 5 IN SOA ns.example. root.example. 1 2 3 4 30", 5 * second},
		{"an alias that goes first", []string{"NXDOMAIN", "a.example. 7 CNAME b.example.", "--", soa}, 1800,
			"NXDOMAIN; a.example. 7 IN CNAME b.example.; example. 30 IN SOA ns.example. root.example. 1 2 3 4 30", 7 * second},
	} {
		c, p, q := roomy(), usual(), ask(t, "a.example.")
		p.Denial.Max = tt.max
		store(t, c, q, p, 0, tt.records...)
		if _, got := get(t, c, q, p, 0); got != tt.want {
			t.Errorf("%s: %s", tt.name, got)
		}
		if state, _ := get(t, c, q, p, tt.life-1); state != Fresh {
			t.Errorf("%s: gone early", tt.name)
		}
		if state, _ := get(t, c, q, p, tt.life); state != Miss {
			t.Errorf("%s: stays", tt.name)
		}
	}
}

func TestNeverKept(t *testing.T) {
	q := ask(t, "a.example.")
	good := response(t, q, "a.example. 60 A 10.0.0.1")
	truncated := slices.Clone(good)
	wire.Message(truncated).SetFlags(wire.TC, 0)
	for name, b := range map[string][]byte{
		"truncated":        truncated,
		"NXDOMAIN, no SOA": response(t, q, "NXDOMAIN"),
		"NODATA, no SOA":   response(t, q),
		"an open alias":    response(t, q, "a.example. 60 CNAME b.example."),
		"a referral":       response(t, q, "--", "example. 60 NS ns.example."),
		"TTL 0":            response(t, q, "a.example. 0 A 10.0.0.1"),
		"another question": response(t, ask(t, "b.example."), "b.example. 60 A 10.0.0.1"),
		"half a record":    good[:50],
		"nothing":          nil,
	} {
		c, p := roomy(), usual()
		if _, v, kept := c.Store(nil, q, b, &anyone, p, 0); kept {
			t.Errorf("%s: kept as %+v", name, v)
		}
		if state, got := get(t, c, q, p, 0); state != Miss {
			t.Errorf("%s: %s", name, got)
		}
		if st := c.Stats(); st.Success.Entries+st.Denial.Entries+st.Failure.Entries != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
	c, transfer := roomy(), ask(t, "example. AXFR")
	for _, records := range []string{soa, "SERVFAIL"} {
		if _, _, kept := c.Store(nil, transfer, response(t, transfer, records), &anyone, usual(), 0); kept {
			t.Error("a transfer was kept")
		}
	}
}

// TestPrevails shows which answer the cache has after one followed another.
func TestPrevails(t *testing.T) {
	yes, no := []string{"a.example. 60 A 10.0.0.1"}, []string{"NXDOMAIN", "--", soa}
	c, p, q := roomy(), usual(), ask(t, "a.example.")
	store(t, c, q, p, 0, yes...)
	store(t, c, q, p, 0, no...)
	if _, got := get(t, c, q, p, 0); got[:8] != "NXDOMAIN" {
		t.Error(got)
	}
	if st := c.Stats(); st.Success.Entries != 0 || st.Denial.Entries != 1 {
		t.Errorf("%+v", st)
	}
	store(t, c, q, p, 0, yes...)
	if _, got := get(t, c, q, p, 0); got[:7] != "NOERROR" {
		t.Error(got)
	}
	store(t, c, q, p, 0, "SERVFAIL")
	if _, got := get(t, c, q, p, 0); got[:7] != "NOERROR" {
		t.Error(got)
	}
	c.Remove(q)
	if st := c.Stats(); st.Success != (Counts{}) || st.Failure.Entries != 0 || st.Denial.Entries != 0 {
		t.Errorf("%+v", st)
	}
}

// TestDenied shows what the cache knows about names, and the replies that it makes of a denial above.
func TestDenied(t *testing.T) {
	c, p := roomy(), usual()
	above := ask(t, "com.ns.example.")
	store(t, c, above, p, 0, "NXDOMAIN", "--", soa)
	store(t, c, ask(t, "alias.example."), p, 0, "NXDOMAIN", "alias.example. 60 CNAME x.example.", "--", soa)
	store(t, c, ask(t, "nodata.example."), p, 0, "--", soa)
	store(t, c, ask(t, "yes.example."), p, 0, "yes.example. 60 A 10.0.0.1")
	for text, want := range map[string]Knowledge{
		"com.ns.example.": Denied, "COM.ns.example.": Denied, "com.ns.example. AAAA": Unknown, "com.ns.example. do": Unknown,
		"alias.example.": Exists, "nodata.example.": Exists, "yes.example.": Exists, "ns.example.": Unknown,
	} {
		if got := c.Knows(ask(t, text), 30*second-1); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"com.ns.example.", "nodata.example."} {
		if got := c.Knows(ask(t, text), 30*second); got != Unknown {
			t.Errorf("%s: %v for ever", text, got)
		}
	}
	q := ask(t, "api.GitHub.com.ns.Example. AAAA")
	b, _, ok := c.AppendDenied([]byte("xy"), q, above, 20*second)
	if got := describe(t, q, b, Fresh); !ok || got != "NXDOMAIN; Example. 10 IN SOA ns.Example. root.Example. 1 2 3 4 30" {
		t.Error(got)
	}
	store(t, c, above, p, 5*second, "NXDOMAIN", "--", soa)
	b, _, ok = c.AppendDenied([]byte("xy"), q, above, 5*second-1) // which came while that was stored
	if got := describe(t, q, b, Fresh); !ok || got != "NXDOMAIN; Example. 30 IN SOA ns.Example. root.Example. 1 2 3 4 30" {
		t.Error(got)
	}
	if b, _, ok := c.AppendDenied(nil, ask(t, "api.github.org.ns.example."), above, 0); ok {
		t.Errorf("%q is not below", b)
	}
	if b, _, ok := c.AppendDenied(nil, q, above, 35*second); ok {
		t.Errorf("%q from what has expired", b)
	}
}
