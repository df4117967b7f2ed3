package netns

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// AddRules adds rules in the language of nft(8). At the end of the test it deletes all rules that
// there are then.
func AddRules(t testing.TB, rules string) {
	t.Helper()
	Shf(t, "nft -f - <<'EOF'\n%s\nEOF", rules)
	t.Cleanup(func() { Sh(t, "nft flush ruleset") })
}

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
	t.Cleanup(func() {
		const drop = "for t in raw filter; do %[1]s-save -t $t | grep -v 'NodeLocal DNS Cache' | %[1]s-restore -w -T $t; done"
		_ = exec.Command("sh", "-c", fmt.Sprintf(drop, tool)).Run()
	})
	const skip, allow = `-m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK`,
		`-m comment --comment "NodeLocal DNS Cache: allow DNS traffic" -j ACCEPT`
	var raw, filter strings.Builder
	for _, a := range addrs {
		for _, protocol := range []string{"tcp", "udp"} {
			fmt.Fprintf(&raw, "-A PREROUTING -p %s -d %s --dport 53 %s\n", protocol, a, skip)
			fmt.Fprintf(&raw, "-A OUTPUT -p %s -s %s --sport 53 %s\n", protocol, a, skip)
			fmt.Fprintf(&raw, "-A OUTPUT -p %s -d %s --dport 53 %s\n", protocol, a, skip)
			fmt.Fprintf(&filter, "-A INPUT -p %s -d %s --dport 53 %s\n", protocol, a, allow)
			fmt.Fprintf(&filter, "-A OUTPUT -p %s -s %s --sport 53 %s\n", protocol, a, allow)
		}
		fmt.Fprintf(&raw, "-A OUTPUT -p tcp -d %s --dport 8080 %s\n", a, skip)
		fmt.Fprintf(&raw, "-A OUTPUT -p tcp -s %s --sport 8080 %s\n", a, skip)
	}
	Shf(t, "%s-restore -w -n <<'EOF'\n*raw\n%sCOMMIT\n*filter\n%sCOMMIT\nEOF", tool, raw.String(), filter.String())
}
