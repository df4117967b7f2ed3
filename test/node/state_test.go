package node

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// state returns everything on the node that a node cache may change: links, addresses, routes and
// rules. It waits until neither kube-proxy nor a node cache changes anything.
func (w *world) state(t testing.TB) string {
	t.Helper()
	testkit.Eventually(t, "the node caches of tests before have ended", func() bool { return !strings.Contains(netns.Sh(t, "ip link"), "neardns") })
	now := nodeState(t)
	testkit.Eventually(t, "kube-proxy rests", func() bool {
		before := now
		time.Sleep(settle) // kube-proxy doesn't say that it has nothing to do
		now = nodeState(t)
		return now == before
	})
	return now
}

// settle is longer than kube-proxy waits between two syncs, its --iptables-min-sync-period.
const settle = 1500 * time.Millisecond

func nodeState(t testing.TB) string {
	t.Helper()
	text := netns.Sh(t, "exec 2>/dev/null; ip -o link; ip -o addr; ip route show table all; ip -6 route show table all; nft list ruleset; iptables-save; ip6tables-save")
	text = regexp.MustCompile(`(?m)^#.*$|\[\d+:\d+\]| expires \w+|counter packets \d+ bytes \d+`).ReplaceAllString(text, "")
	return regexp.MustCompile(`\n+`).ReplaceAllString(strings.TrimSpace(text), "\n")
}

// unchanged waits until the node is as it was. If that doesn't happen, it fails the test and says
// what differs.
func (w *world) unchanged(t testing.TB, was string) {
	t.Helper()
	var is string
	// The state is read by running commands: nothing tells of its changes.
	for end := time.Now().Add(testkit.Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
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

// sameWords reports whether two lists have the same words, in any order.
func sameWords(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
