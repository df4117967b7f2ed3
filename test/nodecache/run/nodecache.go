package run

import (
	"net/netip"
	"os/exec"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
)

// Node is a running node cache.
type Node struct {
	*Process
	Metrics netip.AddrPort // serves /metrics, and nothing but this one uses it
}

// NodeCache starts a node cache with a Corefile, and more arguments. It does not wait until it
// answers: that is Process.Answers.
func NodeCache(t testing.TB, corefile string, args ...string) *Node {
	t.Helper()
	dir := t.TempDir()
	Write(t, dir, "Corefile", corefile)
	return NodeCacheIn(t, dir, args...)
}

// NodeCacheIn is NodeCache with a folder that has a Corefile already. Several may share one.
func NodeCacheIn(t testing.TB, dir string, args ...string) *Node {
	t.Helper()
	metrics := testkit.FreeAddr(t)
	args = append([]string{"-conf", "Corefile", "-metrics-listen-address", metrics.String()}, args...)
	return &Node{Start(t, exec.Command(Program(), args...), dir), metrics}
}

// Scrape returns the node cache's metrics.
func (n *Node) Scrape() Metrics {
	n.t.Helper()
	return Scrape(n.t, n.Metrics.String())
}
