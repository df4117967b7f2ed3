package netns

import (
	"fmt"
	"os/exec"
	"testing"
)

// NodeLocalRules adds, with a tool such as iptables-nft, the rules that the node-local cache of
// kubernetes/dns makes for each address: see initIptables in cmd/node-cache/app there. At the end
// of the test it deletes those that are left, and the tables that it made.
func NodeLocalRules(t testing.TB, tool string, addrs ...string) {
	t.Helper()
	for _, table := range []string{"ip raw", "ip filter", "ip6 raw", "ip6 filter"} {
		if exec.Command("sh", "-c", "nft list table "+table).Run() != nil {
			t.Cleanup(func() { _ = exec.Command("sh", "-c", "nft delete table "+table).Run() })
		}
	}
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
			rule := fmt.Sprintf("%s "+r.match+" -m comment --comment '%s' -j %s", r.chain, a, r.comment, r.target)
			Shf(t, "%s -w -t %s -A %s", tool, r.table, rule)
			t.Cleanup(func() { _ = exec.Command("sh", "-c", fmt.Sprintf("%s -w -t %s -D %s", tool, r.table, rule)).Run() })
		}
	}
}
