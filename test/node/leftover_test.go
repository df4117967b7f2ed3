package node

import (
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// leftovers shows that queries reach kube-proxy when our node cache dies, although a node-local cache
// of kubernetes/dns has crashed before and left rules that keep them from it. Our node cache deletes
// the rules, or names the commands that do where netlink can't.
func leftovers(t *testing.T, w *world) {
	// Deleting these rules leaves the chains of a table that was there before. So the chains come first.
	t.Run("chains", func(t *testing.T) {
		netns.NodeLocalRules(t, "iptables-nft", linkLocal)
		netns.NodeLocalRules(t, "ip6tables-nft", linkLocal6)
	})
	before := w.state(t)
	for _, tools := range [][2]string{{"iptables-nft", "ip6tables-nft"}, {"iptables-legacy", "ip6tables-legacy"}} {
		t.Run(tools[0], func(t *testing.T) { w.leftBy(t, tools) })
	}
	w.unchanged(t, before)
}

// leftBy shows it for the rules of two tools.
func (w *world) leftBy(t *testing.T, tools [2]string) {
	netns.NodeLocalRules(t, tools[0], linkLocal, clusterIP)
	netns.NodeLocalRules(t, tools[1], linkLocal6, clusterIP6)
	if got := w.a.Dig(clusterIP, web); got == webIP {
		t.Fatal("a Pod is answered, though no query reaches kube-proxy")
	}
	c := startCache(t)
	if got := w.a.Dig(clusterIP, web); got != webIP {
		t.Error(got)
	}
	impaired := func() bool {
		return run.Scrape(t, c.metrics).Sum("nodecache_fail_open_impaired", `by="leftovers"`) == 1
	}
	if tools[0] == "iptables-legacy" {
		if !impaired() {
			t.Error("the metric says that nothing is left")
		}
		for _, tool := range tools {
			_, commands, _ := strings.Cut(c.Logs("if this process died", tool), "run on the node: ")
			netns.Sh(t, strings.TrimSuffix(commands, `"`))
		}
		testkit.Eventually(t, "the metric sees that nothing is left", func() bool { return !impaired() })
		c.Logs("nothing of another node-local cache is left")
	} else {
		c.Logs("taken over from another node-local cache", linkLocal, clusterIP6)
	}
	if impaired() {
		t.Error("the metric says that something is left")
	}
	c.Kill()
	for _, server := range []string{clusterIP, clusterIP6} {
		if got := w.a.Dig(server, web); got != webIP {
			t.Errorf("the node cache is killed: %s at %s", got, server)
		}
	}
}
