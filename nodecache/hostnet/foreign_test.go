package hostnet

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
)

// nodeLocalRules writes rules with a tool as node-local caches of kubernetes/dns do: see
// initIptables in cmd/node-cache/app there.
func nodeLocalRules(t *testing.T, tool string, addrs ...string) {
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
			sh(t, fmt.Sprintf("%s -w -t %s -A %s "+r.match+" -m comment --comment '%s' -j %s", tool, r.table, r.chain, a, r.comment, r.target))
		}
	}
	t.Cleanup(func() {
		_ = exec.Command("sh", "-c", tool+" -t raw -F; "+tool+" -t filter -F; nft delete table ip raw; nft delete table ip filter; nft delete table ip6 raw; nft delete table ip6 filter").Run()
	})
}

func ofAddrs(t *testing.T, addrs ...string) []Leftover {
	t.Helper()
	c, err := config(addrs...)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Leftovers(c)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestLeftoverRules takes over rules against connection tracking that iptables-nft has written,
// those about our addresses with the comment, and no others.
func TestLeftoverRules(t *testing.T) {
	const other = "169.254.99.99"
	nodeLocalRules(t, "iptables-nft", other)
	nodeLocalRules(t, "ip6tables-nft", "fd00:99::99")
	sh(t, "iptables-nft -t raw -A PREROUTING -p udp -d "+linkLocal+" --dport 53 -m comment --comment 'a stranger: skip conntrack' -j NOTRACK")
	before := ruleset(t)
	if found := ofAddrs(t, linkLocal, clusterV6); len(found) > 0 {
		t.Fatalf("strangers' rules are found: %+v", found)
	}
	nodeLocalRules(t, "iptables-nft", linkLocal)
	nodeLocalRules(t, "ip6tables-nft", clusterV6)
	found := ofAddrs(t, linkLocal, clusterV6)
	if len(found) != 1 || found[0].Name != `16 rules "NodeLocal DNS Cache: skip conntrack" in nf_tables` {
		t.Fatalf("%+v", found)
	}
	for range 2 { // the second time there is nothing to do
		if err := found[0].TakeOver(); err != nil {
			t.Fatal(err)
		}
	}
	if found := ofAddrs(t, linkLocal, clusterV6); len(found) > 0 {
		t.Errorf("left: %+v", found)
	}
	// What stays of it accepts queries.
	sh(t, "iptables-nft-save -t filter | grep -c "+linkLocal+" | grep -x 4")
	sh(t, "for a in "+linkLocal+"; do for c in INPUT OUTPUT; do iptables-nft -S $c | grep $a | sed 's/^-A/-D/' | xargs -L1 iptables-nft; done; done")
	sh(t, "for a in "+clusterV6+"; do for c in INPUT OUTPUT; do ip6tables-nft -S $c | grep $a | sed 's/^-A/-D/' | xargs -L1 ip6tables-nft; done; done")
	if after := ruleset(t); after != before {
		t.Errorf("strangers' rules changed:\n%s\nwere\n%s", after, before)
	}
}

// TestLeftoverLegacy names the commands for rules that no netlink message reaches. They work.
func TestLeftoverLegacy(t *testing.T) {
	for tool, addr := range map[string]string{"iptables-legacy": linkLocal, "ip6tables-legacy": clusterV6} {
		if found := ofAddrs(t, linkLocal, clusterV6); len(found) > 0 {
			t.Fatalf("found without any: %+v", found)
		}
		sh(t, tool+" -t raw -A PREROUTING -p udp -j ACCEPT") // a stranger's
		nodeLocalRules(t, tool, addr)
		found := ofAddrs(t, linkLocal, clusterV6)
		if len(found) != 1 || found[0].Name != `rules "NodeLocal DNS Cache: skip conntrack" of `+tool {
			t.Fatalf("%+v", found)
		}
		err := found[0].TakeOver()
		if err == nil {
			t.Fatal("no error")
		}
		_, commands, ok := strings.Cut(err.Error(), "; run on the node: ")
		if !ok {
			t.Fatal(err)
		}
		sh(t, commands)
		if found := ofAddrs(t, linkLocal, clusterV6); len(found) > 0 {
			t.Errorf("after %s: %+v", commands, found)
		}
		sh(t, tool+" -t raw -S | grep -x -e '-A PREROUTING -p udp -j ACCEPT'")
	}
}

// TestReadForeign reads what is no rule.
func TestReadForeign(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr(linkLocal)}
	for _, data := range []string{"", "abc", skipComment, "\x02\x00\x00\x00" + skipComment + string(addrs[0].AsSlice())} {
		if r, ok := readForeign(2, []byte(data), addrs); ok {
			t.Errorf("%q: %+v", data, r)
		}
	}
}
