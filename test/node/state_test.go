package node

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// state returns what a node cache may change of the node: links, addresses, routes and rules
// but for kube-proxy's.
func (w *world) state(t testing.TB) string {
	t.Helper()
	run.Eventually(t, 5*time.Second, "the node caches of tests before have ended", func() bool { return !strings.Contains(netns.Sh(t, "ip link"), "neardns") })
	now := nodeState(t)
	run.Eventually(t, 15*time.Second, "kube-proxy rests", func() bool {
		before := now
		time.Sleep(settle)
		now = nodeState(t)
		return now == before
	})
	return now
}

// settle is more than kube-proxy waits between two syncs, its --iptables-min-sync-period.
const settle = 1500 * time.Millisecond

func nodeState(t testing.TB) string {
	t.Helper()
	text := netns.Sh(t, "exec 2>/dev/null; ip -o link; ip -o addr; ip route show table all; ip -6 route show table all; nft list ruleset; iptables-save; ip6tables-save")
	text = regexp.MustCompile(`(?m)^#.*$|\[\d+:\d+\]| expires \w+|counter packets \d+ bytes \d+`).ReplaceAllString(text, "")
	return regexp.MustCompile(`\n+`).ReplaceAllString(strings.TrimSpace(text), "\n")
}

// unchanged fails the test if the node does not come to be as it was.
func (w *world) unchanged(t testing.TB, was string) {
	t.Helper()
	var is string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if is = nodeState(t); is == was {
			return
		}
	}
	for line := range strings.Lines(was) {
		if !strings.Contains(is, line) {
			t.Errorf("gone: %s", line)
		}
	}
	for line := range strings.Lines(is) {
		if !strings.Contains(was, line) {
			t.Errorf("new: %s", line)
		}
	}
	for i, line := range strings.Split(is, "\n") {
		if lines := strings.Split(was, "\n"); i == len(lines) || line != lines[i] {
			t.Errorf("the node is not as it was, from line %d on: %s", i, line)
			return
		}
	}
}

func sameWords(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
