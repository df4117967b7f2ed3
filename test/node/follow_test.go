package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// subset is how many of the cluster DNS's Pods a node keeps to.
const subset = 3

// followed waits until the node has connections to as many of the cluster DNS's Pods as it
// keeps to, and to none that is gone. It has to be asked for what it does not know meanwhile.
func followed(t *testing.T, w *world, when string) {
	t.Helper()
	var pods []string
	for _, host := range w.dnsHosts() {
		pods = append(pods, dnsAddr(host))
	}
	var at map[string]int
	run.Eventually(t, 40*time.Second, when+": connections go to other Pods", func() bool {
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
