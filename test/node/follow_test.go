package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// subset is how many Pods of the cluster DNS a node has connections to.
const subset = 3

// followed waits until the node has connections to subset Pods of the cluster DNS, or to all if
// there are fewer, and to none that is gone. Meanwhile someone must ask the node cache for names
// that it doesn't know.
func followed(t *testing.T, w *world, when string) {
	t.Helper()
	var pods []string
	for _, host := range w.dnsHosts() {
		pods = append(pods, dnsAddr(host))
	}
	var at map[string]int
	testkit.Eventually(t, when+": connections go to other Pods", func() bool {
		at = connected(t)
		for addr := range at {
			if !slices.Contains(pods, addr) {
				return false
			}
		}
		return len(at) == min(subset, len(pods))
	})
	t.Logf("%s: of %q, those with connections are %v", when, pods, at)
	for addr, n := range at {
		if n > 4 {
			t.Errorf("%s: %d connections to %s, expected 4 at most", when, n, addr)
		}
	}
}

// connected returns how many connections the node has to each Pod of the cluster DNS.
func connected(t *testing.T) map[string]int {
	t.Helper()
	at := map[string]int{}
	for line := range strings.Lines(netns.Sh(t, "ss -Htn state established dst 10.244.9.0/24 dport = 53")) {
		if f := strings.Fields(line); len(f) == 4 {
			at[strings.TrimSuffix(f[3], ":53")]++
		}
	}
	return at
}
