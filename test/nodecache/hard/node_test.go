package hard

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

func TestMain(m *testing.M) { os.Exit(run.Main(m, true)) }

// node is a running node cache.
type node struct {
	*run.Node
	t    *testing.T
	addr netip.AddrPort
}

// start starts a node cache and waits until it answers. Its server blocks name no port: -dns.port
// does.
func start(t *testing.T, corefile string) *node {
	t.Helper()
	addr := testkit.FreeAddr(t)
	n := &node{run.NodeCache(t, corefile, "-dns.port", fmt.Sprint(addr.Port())), t, addr}
	n.Answers(addr)
	return n
}

// block returns a server block that listens on all of 127.0.0.0/8, keeps answers for their TTLs and
// asks servers over proto, tcp or udp.
func block(zone, proto string, servers ...*testkit.Server) string {
	words := []string{"forward", "."}
	for _, f := range servers {
		words = append(words, f.Addr.String())
	}
	if proto == "tcp" {
		words = append(words, "{\n\t\tforce_tcp\n\t}")
	}
	return fmt.Sprintf("%s {\n\tbind 0.0.0.0\n\terrors\n\tcache {\n\t\tsuccess 9984 3600 0\n\t\tdenial 9984 3600 0\n\t}\n\t%s\n}\n",
		zone, strings.Join(words, " "))
}

// use is what a node cache uses.
type use struct {
	goroutines int
	resident   int // MiB
}

func (u use) String() string {
	return fmt.Sprintf("%d goroutines, %d MiB resident", u.goroutines, u.resident)
}

// use returns what n uses now.
func (n *node) use() use {
	n.t.Helper()
	return use{int(n.Scrape().Sum("go_goroutines")), n.status("VmRSS:") >> 10}
}

// status returns a number of /proc/PID/status. Memory is in kB there.
func (n *node) status(name string) (value int) {
	n.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		n.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if _, err := fmt.Sscan(rest, &value); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	return value
}

// well fails the test if n panicked or does not recover. At the start it used before: soon its
// goroutines must be few again, and its memory within most MiB.
func (n *node) well(before use, most int) {
	n.t.Helper()
	const spare = 64 + 20 // goroutines: 64 that wait for a flight; connections to servers, health checks, this request
	var now use
	testkit.Eventually(n.t, "few goroutines again", func() bool {
		now = n.use()
		return now.goroutines <= before.goroutines+spare
	})
	n.t.Logf("before: %v; after: %v, and %d MiB at most", before, now, n.status("VmHWM:")>>10)
	if now.resident > most {
		n.t.Errorf("%d MiB are resident, expected %d at most", now.resident, most)
	}
	if p := n.Scrape().Sum("coredns_panics_total"); p != 0 || len(n.Logged("panic")) > 0 {
		n.t.Errorf("%v panics", p)
	}
}
