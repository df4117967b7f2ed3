package netns

import (
	"fmt"
	"os/exec"
	"testing"
)

// NodeLocalRules adds, with a tool such as iptables-nft, the rules that the node-local cache of
// kubernetes/dns makes for each address: see initIptables in cmd/node-cache/app there. At the end
// of the test it empties the tables that they are in, and deletes those that iptables-nft made.
func NodeLocalRules(t testing.TB, tool string, addrs ...string) {
	t.Helper()
	const skip, allow = "NodeLocal DNS Cache: skip conntrack", "NodeLocal DNS Cache: allow DNS traffic"
	for _, a := range addrs {
		for _, r := range []struct{ table, chain, match, comment, target string }{
			{"raw", "PREROUTING", "-p tcp -d %s --dport 53", skip, "NOTRACK"},
			{"raw", "PREROUTING", "-p udp -d %s --dport 53", skip, "NOTRACK"},
			{"filter", "INPUT", "-p tcp -d %s --dport 53", allow, "ACCEPT"},
			{"filter", "INPUT", "-p udp -d %s --dport 53", allow, "ACCEPT"},
			{"raw", "OUTPUT", "-p tcp -s %s --sport 53", skip, "NOTRACK"},
			{"raw", "OUTPUT", "-p udp -s %s --sport 53", skip, "NOTRACK"},
			{"filter", "OUTPUT", "-p tcp -s %s --sport 53", allow, "ACCEPT"},
			{"filter", "OUTPUT", "-p udp -s %s --sport 53", allow, "ACCEPT"},
			{"raw", "OUTPUT", "-p tcp -d %s --dport 53", skip, "NOTRACK"},
			{"raw", "OUTPUT", "-p udp -d %s --dport 53", skip, "NOTRACK"},
			{"raw", "OUTPUT", "-p tcp -d %s --dport 8080", skip, "NOTRACK"},
			{"raw", "OUTPUT", "-p tcp -s %s --sport 8080", skip, "NOTRACK"},
		} {
			Shf(t, "%s -w -t %s -A %s "+r.match+" -m comment --comment '%s' -j %s", tool, r.table, r.chain, a, r.comment, r.target)
		}
	}
	t.Cleanup(func() {
		const clean = "%[1]s -t raw -F; %[1]s -t filter -F; for f in ip ip6; do for t in raw filter; do nft delete table $f $t; done; done"
		_ = exec.Command("sh", "-c", fmt.Sprintf(clean, tool)).Run()
	})
}
