package hosts

import (
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// TestParse reads a text with everything that hosts files have, good and bad. It skips what
// CoreDNS skips.
func TestParse(t *testing.T) {
	long := strings.Repeat("x", 1025)
	text := strings.Join([]string{
		"# a comment",
		"",
		" \t127.0.0.2 odin\r",
		"127.0.0.3\todin  # 127.0.0.4 odin",
		"::2 \v\f odin",
		"127.1.1.2 ullr ullrhost#comment",
		"fe80::1%lo0 Local.Example.",
		"::ffff:192.0.2.1 mapped",
		"127.0.0.9",
		"123.123.123 loki",
		"127.0.0.01 zero",
		"localhost 127.0.0.1",
		"10.0.0.1 a..b good " + long + " " + strings.Repeat("y", 64) + " better",
		"1.2.3.4%" + long + " zoned",
		"\x00\xff binary",
		`10.0.0.2 a\.b c\`,
		"10.0.0.3 last",
	}, "\n")
	tab, faults := Parse("/etc/hosts", []byte(text), Options{})
	for _, c := range []struct {
		name  string
		qtype wire.Type
		want  string
	}{
		{"odin.", wire.A, "127.0.0.2 127.0.0.3"},
		{"odin.", wire.AAAA, "::2"},
		{"ullr.", wire.A, "127.1.1.2"},
		{"ullrhost.", wire.A, "127.1.1.2"},
		{"local.example.", wire.AAAA, "fe80::1"},
		{"mapped.", wire.A, "192.0.2.1"},
		{"good.", wire.A, "10.0.0.1"},
		{"better.", wire.A, "10.0.0.1"},
		{`a\.b.`, wire.A, "10.0.0.2"},
		{"last.", wire.A, "10.0.0.3"},
	} {
		if got, state := ask(t, tab, c.name, c.qtype); got != c.want || state != Answered {
			t.Errorf("%s %v: %q, state %d, want %q", c.name, c.qtype, got, state, c.want)
		}
	}
	for _, absent := range []string{"loki.", "zero.", "127.0.0.1.", "localhost.", "zoned.", "binary.", "comment."} {
		if _, state := ask(t, tab, absent, wire.A); state != Absent {
			t.Errorf("%s: state %d", absent, state)
		}
	}
	checkFaults(t, faults, []Fault{
		{Line: 10, Text: "123.123.123"}, {Line: 11, Text: "127.0.0.01"}, {Line: 12, Text: "localhost"},
		{Line: 13, Text: "a..b"}, {Line: 13, Text: long[:maxText]}, {Line: 13, Text: strings.Repeat("y", 64)},
		{Line: 14, Text: "1.2.3.4%" + long[:maxText-8]}, {Line: 15, Text: "\x00\xff"}, {Line: 16, Text: `c\`},
	})
	if got, want := faults[0].Error(), `/etc/hosts:10: "123.123.123": not an IP address; the line is skipped`; got != want {
		t.Errorf("%s", got)
	}
}

func checkFaults(t *testing.T, got, want []Fault) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("faults %v", got)
	}
	for i, f := range got {
		if f.File != "/etc/hosts" || f.Line != want[i].Line || f.Text != want[i].Text || f.Reason == "" {
			t.Errorf("fault %+v, want %+v", f, want[i])
		}
	}
}

// TestManyFaults shows that a file of nothing but garbage does not fill a log.
func TestManyFaults(t *testing.T) {
	_, faults := Parse("hosts", []byte(strings.Repeat("garbage\n", 10_000)), Options{})
	if len(faults) != maxFaults {
		t.Errorf("%d faults", len(faults))
	}
}

// TestEntries counts as CoreDNS's coredns_hosts_entries does.
func TestEntries(t *testing.T) {
	lines := []string{"10.0.0.1 a b", "::1 a", "10.0.0.1 a", "10.0.0.1 *.w", "10.0.0.1 a.outside.org"}
	for _, c := range []struct {
		opts Options
		want int
	}{
		{Options{}, 4*2 + 1 + 2},
		{Options{NoReverse: true}, 4 + 1 + 1},
		{Options{Zones: testkit.Names(t, "a.", "w.")}, 3*2 + 1},
	} {
		if got := table(t, c.opts, lines...).Entries(); got != c.want {
			t.Errorf("%v: %d, want %d", c.opts, got, c.want)
		}
	}
}
