package nodecache

import (
	"os"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestIdentify asks with dig who answers. Anyone may know the program and, if the Corefile allows
// it, the name of its host. The node cache tells nobody which process it is (RFC 4892, section 4).
func TestIdentify(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range []string{"", "-identify"} {
		addr := testkit.FreeAddr(t)
		n := run.NodeCache(t, simple("127.0.0.1:9", "", addr), strings.Fields(flags)...)
		n.Answers(addr)
		version, id := `NOERROR "neardns nodecache devel"`, "REFUSED"
		if flags != "" {
			id = `NOERROR "` + host + `"`
		}
		for name, want := range map[string]string{
			"version.bind": version, "version.server": version,
			"id.server": id, "hostname.bind": id, "instance.nodecache": "REFUSED", "0123456789abcdef.instance.nodecache": "REFUSED",
		} {
			for _, over := range []string{"+notcp", "+tcp"} {
				a := run.Dig(t, addr, "-c", "CH", "-t", "TXT", name, over)
				got := a.Status
				for _, r := range a.Answer {
					got += " " + r.Data
				}
				if got != want {
					t.Errorf("nodecache %s: %s %s: %q, expected %q", flags, name, over, got, want)
				}
			}
		}
	}
}
