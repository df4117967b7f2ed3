package corefile

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func noEnv(string) (string, bool) { return "", false }

// parse reads a Corefile named Corefile.
func parse(t testing.TB, text string, o Options) *Config {
	t.Helper()
	if o.Env == nil {
		o.Env = noEnv
	}
	c, err := first(check("Corefile", []byte(text), o))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

// block reads the body of the only server block. It begins at line 2.
func block(t testing.TB, body string) *Block {
	t.Helper()
	return parse(t, "example.org {\n"+body+"\n}\n", Options{}).Blocks[0]
}

// notes returns the notes about the body of a block.
func notes(t testing.TB, body string) string {
	t.Helper()
	return noteLines(parse(t, "example.org {\n"+body+"\n}\n", Options{}).Notes)
}

func noteLines(notes []Note) string {
	var all []string
	for _, n := range notes {
		all = append(all, n.String())
	}
	return strings.Join(all, "\n")
}

// wantError checks the whole text of an error.
func wantError(t *testing.T, text, want string, o Options) {
	t.Helper()
	if o.Env == nil {
		o.Env = noEnv
	}
	_, err := first(check("Corefile", []byte(text), o))
	if err == nil {
		t.Errorf("no error, want %s\n%s", want, text)
	} else if err.Error() != want {
		t.Errorf("\n got %s\nwant %s\n%s", err, want, text)
	}
}

// write makes a file in a folder of the test's.
func write(t testing.TB, dir, file, text string) string {
	t.Helper()
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// servers returns the servers of a forward, as PROTO ADDRESS [NAME].
func servers(t testing.TB, f *Forward) string {
	t.Helper()
	found, err := f.Endpoints(func(host string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.99")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range found {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", []string{"udp", "tcp", "tls"}[e.Proto], e.Addr, e.ServerName)))
	}
	return strings.Join(all, ", ")
}
