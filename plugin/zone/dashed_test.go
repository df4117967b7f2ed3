package zone

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAppendDashed(t *testing.T) {
	for addr, want := range map[string]string{
		"10.1.2.3":      "10-1-2-3",
		"fd00::1":       "fd00--1",
		"fd00::":        "fd00--0",
		"::1":           "--1",
		"2001:db8::1:2": "2001-db8--1-2",
	} {
		if got := string(AppendDashed(nil, netip.MustParseAddr(addr))); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// FuzzParseDashed holds parseDashed against netip, which reads the same with separators.
func FuzzParseDashed(f *testing.F) {
	for _, s := range []string{
		"10-1-2-3", "010-1-2-3", "256-1-1-1", "1-2-3", "fd00--1", "--", "--1", "1--", "1-2-3-4-5-6-7-8",
		"1-2-3-4-5-6-7--", "1--2--3", "---1", "-1--2", "1-2-3-4-5-6-7-8-9", "12345--", "a-b-c-d", "--ffff-102-304", "",
		"fd00--10-1-2-3", "--ffff-10-1-2-3", "1-2-3-4-5-6-10-1-2-3", "fd00---1-2-3", "--1-2-3-4", "-1-2-3-4",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToLower(s)
		if strings.ContainsAny(s, ".:%") || len(s) > 63 {
			return
		}
		separator := ":"
		if strings.Count(s, "-") == 3 && !strings.Contains(s, "--") {
			separator = "."
		}
		want, err := netip.ParseAddr(strings.ReplaceAll(s, "-", separator))
		d := parseDashed(s)
		if d.addr.IsValid() != (err == nil) || err == nil && d.addr != want.Unmap() {
			t.Fatalf("%q: %v; netip: %v, %v", s, d.addr, want, err)
		}
		want, err = netip.ParseAddr(mixed(s))
		if d.mixed.IsValid() != (err == nil) || err == nil && d.mixed != want.Unmap() {
			t.Fatalf("%q: mixed %v; netip: %v, %v", s, d.mixed, want, err)
		}
	})
}

// mixed writes colons for the dashes of a label, and dots for its last three.
func mixed(label string) string {
	fields := strings.Split(label, "-")
	if len(fields) < 5 {
		return ""
	}
	last := len(fields) - 4
	return strings.Join(fields[:last], ":") + ":" + strings.Join(fields[last:], ".")
}
