package corefile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/neardns/neardns/nodecache/hosts"
)

func TestHosts(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "hosts", "")
	all := func(h *Hosts) string {
		return fmt.Sprintf("%s %v %q %v %v %v %v %v", h.File, h.Zones, h.Inline, h.TTL, h.Reload, h.NoReverse, h.Fallthrough, h.FallthroughUnsupported)
	}
	for _, test := range []struct{ text, want string }{
		{"hosts", `/etc/hosts [example.org.] "" 3600 5s false [] false`},
		{"hosts " + file, file + ` [example.org.] "" 3600 5s false [] false`},
		{"hosts " + file + " A.example 10.0.0.0/8", file + ` [a.example. 10.in-addr.arpa.] "" 3600 5s false [] false`},
		{"hosts {\n192.0.2.1 A.example.org b.example.org.\n2001:db8::1 a.example.org\nttl 60\nreload 0s\nno_reverse\nfallthrough\nfallthrough_unsupported\n}",
			`/etc/hosts [example.org.] "192.0.2.1 A.example.org b.example.org.\n2001:db8::1 a.example.org\n" 60 0s true [.] true`},
		{"hosts {\nfe80::1%eth0 *.example.org\nfallthrough a.example b.example\n}",
			`/etc/hosts [example.org.] "fe80::1%eth0 *.example.org\n" 3600 5s false [a.example. b.example.] false`},
	} {
		if got := all(block(t, test.text).Hosts); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestHostsErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"hosts {\nttl\n}", ":3: hosts: ttl: 0 arguments, expected ttl SECONDS"},
		{"hosts {\nttl 0\n}", `:3: hosts: ttl: "0", expected a whole number from 1 to 65535`},
		{"hosts {\nttl 65536\n}", `:3: hosts: ttl: "65536", expected a whole number from 1 to 65535`},
		{"hosts {\nreload\n}", ":3: hosts: reload: 0 arguments, expected reload DURATION"},
		{"hosts {\nreload -1s\n}", ":3: hosts: reload: -1s, expected a duration of at least 0s"},
		{"hosts {\nno_reverse yes\n}", ":3: hosts: no_reverse: 1 argument, expected no_reverse"},
		{"hosts {\nfallthrough_unsupported\n}", ":4: hosts: fallthrough_unsupported without fallthrough, expected both"},
		{"hosts {\nfallthrough a..b\n}", `:3: hosts: fallthrough: domain name "a..b": an empty label, expected a zone such as example.com or a network such as 10.0.0.0/8`},
		{"hosts {\ntll 5\n}", `:3: hosts: "tll", expected ADDRESS NAME..., ttl, reload, no_reverse, fallthrough or fallthrough_unsupported`},
		{"hosts {\n192.0.2.1\n}", ":3: hosts: 192.0.2.1 without a name, expected ADDRESS NAME..."},
		{"hosts {\n192.0.2.1 # a.example.org\n}", ":3: hosts: 192.0.2.1 without a name, expected ADDRESS NAME..."},
		{"hosts {\n\"\" 192.0.2.1 a.example.org\n}", `:3: hosts: "", expected ADDRESS NAME..., ttl, reload, no_reverse, fallthrough or fallthrough_unsupported`},
		{"hosts {\n192.0.2.1 a.example.org a..b\n}", `:3: hosts: "a..b", expected a domain name: labels of 1 to 63 bytes, 255 bytes in all`},
		{"hosts {\nfallthrough\n192.0.2.1 a.example.org\n}", ":4: hosts: 192.0.2.1 after fallthrough, expected it before fallthrough"},
		{"hosts\nhosts", ":3: hosts: the block already has it at Corefile:2, expected it once"},
	} {
		wantError(t, "example.org {\n"+test.text+"\n}\n", "Corefile"+test.want, Options{})
	}
}

// TestHostsNotes shows that there is no note about the file's size: package hosts reads larger files
// than this package does, and reports faults itself.
func TestHostsNotes(t *testing.T) {
	dir := t.TempDir()
	large := write(t, dir, "large", strings.Repeat("#", maxFile+1))
	if got := notes(t, "hosts "+large); got != "" {
		t.Error(got)
	}
	got := notes(t, "hosts "+dir+"/none {\n192.0.2.1 a.example.org a.example.net\n192.0.2.2 b.example.net\n}")
	want := "Corefile:2: hosts: stat " + dir + "/none: no such file or directory; its names are answered once the file is there\n" +
		"Corefile:3: hosts: a.example.net is in none of its zones\n" +
		"Corefile:4: hosts: b.example.net is in none of its zones"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestHostsInline shows that package hosts reads the inline lines as they are written.
func TestHostsInline(t *testing.T) {
	h := block(t, "hosts {\n192.0.2.1 A.example.org a.example.net # more\nttl 60\n2001:db8::1 \"b.example.org c.example.org\"\n}").Hosts
	table, faults := hosts.Parse("", []byte(h.Inline), hosts.Options{Zones: h.Zones, NoReverse: true})
	if len(faults) > 0 || table.Entries() != 3 {
		t.Errorf("%q: %d entries, faults %v", h.Inline, table.Entries(), faults)
	}
}
