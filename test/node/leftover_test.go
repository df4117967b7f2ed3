package node

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// leftovers shows that the rules which a node-local cache of kubernetes/dns leaves when it
// crashes, and which keep queries from kube-proxy, don't when ours dies after it. What netlink
// does not reach is named, with the commands.
func leftovers(t *testing.T, w *world) {
	before := w.state(t)
	for _, c := range []struct {
		tools [2]string
		named bool // rather than taken over
	}{
		{[2]string{"iptables-nft", "ip6tables-nft"}, false},
		{[2]string{"iptables-legacy", "ip6tables-legacy"}, true},
	} {
		skipTracking(t, c.tools[0], linkLocal, clusterIP)
		skipTracking(t, c.tools[1], linkLocal6, clusterIP6)
		if got := w.a.Dig(clusterIP, web); got == webIP {
			t.Fatalf("%s: a Pod is answered, though no query reaches kube-proxy", c.tools)
		}
		d := startCache(t)
		if got := w.a.Dig(clusterIP, web); got != webIP {
			t.Errorf("%s: %s", c.tools, got)
		}
		impaired := func() bool {
			return run.Scrape(t, d.metrics).Sum("nodecache_fail_open_impaired", `by="leftovers"`) == 1
		}
		if c.named {
			if !impaired() {
				t.Errorf("%s: the metric says that nothing is left", c.tools)
			}
			for _, tool := range c.tools {
				_, commands, _ := strings.Cut(d.Logs("if this process died", tool), "run on the node: ")
				netns.Sh(t, strings.TrimSuffix(commands, `"`))
			}
			run.Eventually(t, 3*time.Second, "the metric sees that nothing is left", func() bool { return !impaired() })
			d.Logs("nothing of another node-local cache is left")
		} else {
			d.Logs("taken over from another node-local cache", linkLocal, clusterIP6)
		}
		if impaired() {
			t.Errorf("%s: the metric says that something is left", c.tools)
		}
		d.Kill()
		for _, server := range []string{clusterIP, clusterIP6} {
			if got := w.a.Dig(server, web); got != webIP {
				t.Errorf("%s, the node cache is killed: %s at %s", c.tools, got, server)
			}
		}
		for _, tool := range c.tools { // the emptied tables are not ours to delete
			_ = exec.Command("sh", "-c", fmt.Sprintf("%s -t raw -F; nft delete table ip raw; nft delete table ip6 raw", tool)).Run()
		}
	}
	w.unchanged(t, before)
}

// skipTracking writes rules as initIptables of kubernetes/dns does, cmd/node-cache/app.
func skipTracking(t *testing.T, tool string, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		for _, rule := range []string{"PREROUTING -p %s -d %s --dport 53", "OUTPUT -p %s -s %s --sport 53", "OUTPUT -p %s -d %s --dport 53"} {
			for _, protocol := range []string{"udp", "tcp"} {
				netns.Sh(t, tool+" -w -t raw -A "+fmt.Sprintf(rule, protocol, a)+` -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK`)
			}
		}
	}
}
