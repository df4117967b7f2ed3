package cache

import (
	"fmt"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// TestTighten shows that a new policy applies to the entries that are there: to their life and TTLs.
func TestTighten(t *testing.T) {
	long := []string{"a.example. 900 CNAME b.example.", "b.example. 1200 A 10.0.0.1"}
	denied := []string{"NXDOMAIN", "--", "example. 900 SOA ns.example. root.example. 1 2 3 4 900"}
	tight := func(edit func(*Policy)) *Policy { p := usual(); edit(p); return p }
	for _, tt := range []struct {
		what    string
		records []string
		now     *Policy
		after   time.Duration // when the policy changes
		state   State         // then
		ttls    string
		until   time.Duration // it is kept, counted from when it came
	}{
		{"success", long, tight(func(p *Policy) { p.Positive.Max = 5 }), 2 * time.Second, Fresh, "[3 3]", 5 * time.Second},
		{"success, over by then", long, tight(func(p *Policy) { p.Positive.Max = 5 }), 6 * time.Second, Miss, "", 6 * time.Second},
		{"success, disabled", long, tight(func(p *Policy) { p.Positive.Max = 0 }), time.Second, Miss, "", 0},
		{"success, the greater TTL", long, tight(func(p *Policy) { p.Positive.Max = 1000 }), time.Second, Fresh, "[899 999]", 900 * time.Second},
		{"success, as before", long, usual(), 2 * time.Second, Fresh, "[898 1198]", 900 * time.Second},
		{"denial", denied, tight(func(p *Policy) { p.Denial.Max = 5 }), 2 * time.Second, Fresh, "[3]", 5 * time.Second},
		{"denial, disabled", denied, tight(func(p *Policy) { p.Denial.Max = 0 }), time.Second, Miss, "", 0},
		{"denial, while success is less", denied, tight(func(p *Policy) { p.Positive.Max = 0 }), 0, Fresh, "[900]", 900 * time.Second},
		{"SERVFAIL", []string{"SERVFAIL"}, tight(func(p *Policy) { p.ServFail.First = 2 * time.Second }), time.Second - 1, Failed, "[]", 2 * time.Second},
		{"SERVFAIL, disabled", []string{"SERVFAIL"}, tight(func(p *Policy) { p.ServFail.First = 0 }), time.Second, Miss, "", 0},
		{"REFUSED", []string{"REFUSED"}, tight(func(p *Policy) { p.ServFail.First = 0 }), 0, Failed, "[]", time.Second},
	} {
		c, q := roomy(), ask(t, "a.example.")
		const came = time.Hour
		c.Store(nil, q, response(t, q, tt.records...), &anyone, usual(), came)
		c.Tighten(func(name wire.Name) Policy {
			if !name.Equal(q.Name) {
				t.Errorf("%s: the policy of %v is asked for", tt.what, name)
			}
			return *tt.now
		})
		reply, _, state := c.Append(nil, q, tt.now, came+tt.after)
		if state != tt.state {
			t.Errorf("%s: state %d, want %d", tt.what, state, tt.state)
		}
		var ttls []uint32
		for w := wire.Walk(reply); w.Next(); {
			ttls = append(ttls, w.TTL)
		}
		if got := fmt.Sprint(ttls); len(reply) > 0 && got != tt.ttls {
			t.Errorf("%s: TTLs %s, want %s", tt.what, got, tt.ttls)
		}
		if _, _, state := c.Append(nil, q, tt.now, came+tt.until); state != Miss {
			t.Errorf("%s: it is there after %v", tt.what, tt.until)
		}
		if _, _, state := c.Append(nil, q, tt.now, came+tt.until-1); tt.until > 0 && (state == Miss) != (tt.state == Miss) {
			t.Errorf("%s: state %d just before %v", tt.what, state, tt.until)
		}
	}
}

// TestTightenStale shows that an answer whose life was shortened is still there as a stale one when
// upstream is out (RFC 8767), unless the policy keeps none.
func TestTightenStale(t *testing.T) {
	c, q, p := roomy(), ask(t, "a.example."), usual()
	c.Store(nil, q, response(t, q, "a.example. 900 A 10.0.0.1"), &anyone, p, 0)
	p.Positive.Max = 5
	c.Tighten(func(wire.Name) Policy { return *p })
	if _, _, state := c.AppendStale(nil, q, p, time.Minute); state != Stale {
		t.Errorf("shortened: state %d", state)
	}
	p.Positive.Max = 0
	c.Tighten(func(wire.Name) Policy { return *p })
	if _, _, state := c.AppendStale(nil, q, p, time.Minute); state != Miss || c.held(success) != 0 {
		t.Errorf("disabled: state %d, %+v", state, c.Stats().Success)
	}
}

// TestTightenOrder shows that the order by use stays: the entry used last is still evicted last.
func TestTightenOrder(t *testing.T) {
	l := Limits{Entries: 3, Bytes: 1 << 20}
	c, p := New(Options{Success: l, Denial: l, Failure: l, shards: 1}), usual()
	store := func(name, ttl string) {
		q := ask(t, name)
		c.Store(nil, q, response(t, q, name+" "+ttl+" A 10.0.0.1"), &anyone, p, 0)
	}
	store("a.", "900")
	store("b.", "3")
	store("c.", "900")
	p.Positive.Max = 5
	c.Tighten(func(wire.Name) Policy { return *p })
	for i, want := range []string{"a.", "b.", "c."} {
		store(fmt.Sprint("new-", i, "."), "900")
		if _, _, state := c.Append(nil, ask(t, want), p, 0); state != Miss {
			t.Errorf("%s was not the next to go", want)
		}
	}
}

// TestFlush shows that Flush forgets a name, the names below it, the aliases that lead there and the
// denials of names above: of all types, and also expired answers and failures.
func TestFlush(t *testing.T) {
	answers := map[string][]string{
		"a.example.":         {"a.example. 900 A 10.0.0.1"},
		"a.example. TXT":     {"a.example. 1 TXT x"},
		"A.example. do":      {"a.example. 900 A 10.0.0.1"},
		"x.a.example.":       {"NXDOMAIN", "--", soa},
		"y.x.a.example.":     {"SERVFAIL"},
		"alias.other.":       {"alias.other. 900 CNAME x.a.EXAMPLE.", "x.a.example. 900 A 10.0.0.1"},
		"nowhere.other.":     {"NXDOMAIN", "nowhere.other. 900 CNAME x.a.example.", "--", soa},
		"example.":           {"NXDOMAIN", "--", soa},
		"example. MX":        {"--", soa},
		"b.example.":         {"b.example. 900 A 10.0.0.1"},
		"aa.example.":        {"aa.example. 900 A 10.0.0.1"},
		"mail.b.example. MX": {"mail.b.example. 900 MX 1 a.example."},
	}
	for name, stay := range map[string][]string{
		"a.example.": {"example. MX", "b.example.", "aa.example.", "mail.b.example. MX"},
		".":          nil,
		"nosuch.":    {"a.example.", "a.example. TXT", "A.example. do", "x.a.example.", "y.x.a.example.", "alias.other.", "nowhere.other.", "example.", "example. MX", "b.example.", "aa.example.", "mail.b.example. MX"},
	} {
		c, p := roomy(), usual()
		for question, records := range answers {
			q := ask(t, question)
			c.Store(nil, q, response(t, q, records...), &anyone, p, 0)
		}
		if n, want := c.Flush(ask(t, name).Name), len(answers)-len(stay); n != want {
			t.Errorf("%s: %d were forgotten, want %d", name, n, want)
		}
		left := 0
		for _, question := range stay {
			if _, _, state := c.Append(nil, ask(t, question), p, 0); state != Miss {
				left++
			}
		}
		if s := c.Stats(); left != len(stay) || s.Success.Entries+s.Denial.Entries+s.Failure.Entries != len(stay) {
			t.Errorf("%s: %d of %d are left, %+v", name, left, len(stay), s)
		}
	}
}
