package hosts

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// TestStates does with each kind of question what CoreDNS does.
func TestStates(t *testing.T) {
	tab := table(t, Options{Zones: testkit.Names(t, "Example.", "org.")},
		"10.0.0.1 a.example", "fd00::1 six.example", "10.0.0.2 *.w.org", "10.0.0.9 outside.net")
	for _, c := range []struct {
		name  string
		qtype wire.Type
		want  string
		state State
	}{
		{"a.example.", wire.A, "10.0.0.1", Answered},
		{"A.eXample.", wire.A, "10.0.0.1", Answered},
		{"a.example.", wire.AAAA, "", Answered},
		{"six.example.", wire.AAAA, "fd00::1", Answered},
		{"six.example.", wire.A, "", Answered},
		{"a.example.", wire.TXT, "", Unsupported},
		{"a.example.", wire.ANY, "", Unsupported},
		{"b.a.example.", wire.A, "", Absent},
		{"example.", wire.A, "", Absent},
		{"b.example.", wire.TXT, "", Absent},
		{"outside.net.", wire.A, "", Elsewhere},
		{"a.example.", wire.PTR, "", Elsewhere},
		{"1.0.0.10.in-addr.arpa.", wire.PTR, "a.example.", Answered},
		{"1.0.0.10.IN-ADDR.arpa.", wire.PTR, "a.example.", Answered},
		{"9.0.0.10.in-addr.arpa.", wire.PTR, "", Elsewhere},
		{"2.0.0.10.in-addr.arpa.", wire.PTR, "", Elsewhere}, // a wildcard is no address's name
		{"1.0.0.10.in-addr.arpa.", wire.A, "", Elsewhere},
	} {
		if got, state := ask(t, tab, c.name, c.qtype); got != c.want || state != c.state {
			t.Errorf("%s %v: %q, state %d", c.name, c.qtype, got, state)
		}
	}
	q := query(t, "a.example.", wire.A)
	q.Class = wire.CH
	if _, state := tab.Append(nil, q, 7); state != Elsewhere {
		t.Errorf("class CH: state %d", state)
	}
}

// TestWildcards follows CoreDNS: a wildcard stands for one label, and a name with addresses of the
// family goes first.
func TestWildcards(t *testing.T) {
	tab := table(t, Options{},
		"10.0.0.1 *.example.org", "fd00::1 *.example.org", "10.0.0.2 foo.example.org", "10.0.0.3 *.in.example.org", "10.0.0.4 *")
	for _, c := range []struct {
		name  string
		qtype wire.Type
		want  string
		state State
	}{
		{"bar.example.org.", wire.A, "10.0.0.1", Answered},
		{"b.example.org.", wire.A, "10.0.0.1", Answered},
		{"BAR.Example.org.", wire.A, "10.0.0.1", Answered},
		{"foo.example.org.", wire.A, "10.0.0.2", Answered},
		{"foo.example.org.", wire.AAAA, "fd00::1", Answered},
		{"x.in.example.org.", wire.A, "10.0.0.3", Answered},
		{"x.in.example.org.", wire.AAAA, "", Answered},
		{"in.example.org.", wire.A, "10.0.0.1", Answered},
		{"*.example.org.", wire.A, "10.0.0.1", Answered},
		{"example.org.", wire.A, "", Absent},
		{"x.foo.example.org.", wire.A, "", Absent},
		{"org.", wire.A, "", Absent},
		{".", wire.A, "", Absent},
	} {
		if got, state := ask(t, tab, c.name, c.qtype); got != c.want || state != c.state {
			t.Errorf("%s %v: %q, state %d", c.name, c.qtype, got, state)
		}
	}
}

// TestWith answers with the file's entries before the inline ones, none twice (RFC 2181, section 5).
func TestWith(t *testing.T) {
	file := table(t, Options{}, "10.0.0.1 a.example", "10.0.0.1 a.example", "10.0.0.2 a.example b.example", "fd00::1 c.example")
	inline := table(t, Options{}, "10.0.0.3 a.example", "10.0.0.2 B.example a.example d.example", "10.0.0.9 *.example")
	tab := file.With(inline)
	for _, c := range []struct {
		name  string
		qtype wire.Type
		want  string
	}{
		{"a.example.", wire.A, "10.0.0.1 10.0.0.2 10.0.0.3"},
		{"b.example.", wire.A, "10.0.0.2"},
		{"c.example.", wire.A, "10.0.0.9"},
		{"c.example.", wire.AAAA, "fd00::1"},
		{"d.example.", wire.A, "10.0.0.2"},
		{"2.0.0.10.in-addr.arpa.", wire.PTR, "a.example. b.example. d.example."},
	} {
		if got, state := ask(t, tab, c.name, c.qtype); got != c.want || state != Answered {
			t.Errorf("%s %v: %q, state %d", c.name, c.qtype, got, state)
		}
	}
	if got, want := tab.Entries(), file.Entries()+inline.Entries(); got != want {
		t.Errorf("%d entries, want %d", got, want)
	}
}

// TestReverse reads reverse names as in RFC 1035, section 3.5, and RFC 3596, section 2.5.
func TestReverse(t *testing.T) {
	tab := table(t, Options{}, "10.0.20.255 Four", "2001:db8::567:89AB six")
	six := "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
	mapped := "f.f.4.1.0.0.a.0.f.f.f.f." + strings.Repeat("0.", 20) + "ip6.arpa."
	for text, want := range map[string]string{
		"255.20.0.10.in-addr.arpa.":   "four.",
		six:                           "six.",
		strings.ToUpper(six):          "six.",
		mapped:                        "four.",
		"255.20.00.10.in-addr.arpa.":  "",
		"256.20.0.10.in-addr.arpa.":   "",
		"511.20.0.10.in-addr.arpa.":   "", // 255 in eight bits
		"x5.20.0.10.in-addr.arpa.":    "",
		"20.0.10.in-addr.arpa.":       "",
		"1.255.20.0.10.in-addr.arpa.": "",
		"255.20.0.10.in-addr.arp.":    "",
		"255.20.0.10.":                "",
		"255.20.0.10.ip6.arpa.":       "",
		"1." + six:                    "",
		six[2:]:                       "",
		"g" + six[1:]:                 "",
		"0b" + six[1:]:                "",
		"in-addr.arpa.":               "",
		"ip6.arpa.":                   "",
		".":                           "",
	} {
		if got, _ := ask(t, tab, text, wire.PTR); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	tab = table(t, Options{NoReverse: true}, "10.0.20.255 four")
	if got, state := ask(t, tab, "255.20.0.10.in-addr.arpa.", wire.PTR); state != Elsewhere {
		t.Errorf("no_reverse: %q", got)
	}
}

// TestTooMany asks for more than a message can hold: a name in a list of thousands of
// addresses, an address in one of thousands of names.
func TestTooMany(t *testing.T) {
	var lines []string
	addr := netip.MustParseAddr("10.0.0.0")
	for range 5000 {
		addr = addr.Next()
		lines = append(lines, addr.String()+" many.example", fmt.Sprintf("0.0.0.0 %s.example", strings.Repeat("x", len(lines)%50+1)+addr.String()))
	}
	tab := table(t, Options{}, lines...)
	for _, q := range []*wire.Query{query(t, "many.example.", wire.A), query(t, "0.0.0.0.in-addr.arpa.", wire.PTR)} {
		reply, state := tab.Append(nil, q, 7)
		if state != Answered || len(reply) > wire.MaxMessage+2*wire.MaxName {
			t.Fatalf("state %d, %d bytes", state, len(reply))
		}
		reply = wire.CloseReply(reply, 0, wire.MaxMessage, q, nil)
		m := new(dns.Msg)
		if err := m.Unpack(reply); err != nil || !m.Truncated || len(m.Answer) < 1000 {
			t.Errorf("%v: %d records, truncated %v", err, len(m.Answer), m.Truncated)
		}
	}
}

// TestAllocations shows that no question costs an allocation.
func TestAllocations(t *testing.T) {
	o := Options{Zones: testkit.Names(t, "org.", "example.")}
	tab := table(t, o, "10.0.0.1 a.example", "fd00::1 a.example").With(table(t, o, "10.0.0.1 a.example", "10.0.0.2 *.example"))
	buf := make([]byte, 0, 512)
	for _, q := range []*wire.Query{
		query(t, "A.example.", wire.A), query(t, "a.example.", wire.AAAA), query(t, "b.example.", wire.A), query(t, "a.example.", wire.TXT),
		query(t, "a.b.example.", wire.A), query(t, "a.net.", wire.A), query(t, "1.0.0.10.in-addr.arpa.", wire.PTR),
	} {
		if n := testing.AllocsPerRun(100, func() { tab.Append(buf, q, 7) }); n != 0 {
			t.Errorf("%v %v: %v allocations", q.Name, q.Type, n)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	tab := table(b, Options{Zones: testkit.Names(b, ".")}, "10.0.0.1 a.example")
	for _, text := range []string{"a.example.", "other.example."} {
		buf, q := make([]byte, 0, 512), query(b, text, wire.A)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				tab.Append(buf, q, 7)
			}
		})
	}
}
