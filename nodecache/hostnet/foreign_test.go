package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
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

// TestLeftoverLegacy names the commands for rules that no netlink message reaches. They work,
// and leave alone strangers' rules.
func TestLeftoverLegacy(t *testing.T) {
	for tool, addrs := range map[string][3]string{
		"iptables-legacy":  {linkLocal, clusterIP, "169.254.99.99"},
		"ip6tables-legacy": {clusterV6, "fd00:20::10", "fd00:99::99"},
	} {
		if found := ofAddrs(t, linkLocal, clusterV6); len(found) > 0 {
			t.Fatalf("found without any: %+v", found)
		}
		nodeLocalRules(t, tool, addrs[2])
		sh(t, tool+" -t raw -A PREROUTING -p udp -d "+addrs[0]+" -m comment --comment 'a stranger: skip conntrack' -j NOTRACK")
		before := sh(t, tool+" -t raw -S")
		if found := ofAddrs(t, addrs[0], addrs[1]); len(found) > 0 {
			t.Fatalf("strangers' rules are found: %+v", found)
		}
		nodeLocalRules(t, tool, addrs[0], addrs[1], addrs[0]) // some twice, as it happens
		found := ofAddrs(t, addrs[0], addrs[1], linkLocal, clusterV6)
		if len(found) != 1 || found[0].Name != `24 rules "NodeLocal DNS Cache: skip conntrack" of `+tool {
			t.Fatalf("%+v", found)
		}
		err := found[0].TakeOver()
		if err == nil || !strings.Contains(err.Error(), "24 are of ip_tables") || strings.Contains(err.Error(), "\n") {
			t.Fatal(err)
		}
		_, commands, ok := strings.Cut(err.Error(), "; run on the node: ")
		if !ok {
			t.Fatal(err)
		}
		sh(t, commands)
		if err := found[0].TakeOver(); err != nil {
			t.Errorf("after %s: %v", commands, err)
		}
		if after := sh(t, tool+" -t raw -S"); after != before {
			t.Errorf("after %s:\n%s\nwant\n%s", commands, after, before)
		}
	}
}

// TestReadForeign reads what is no rule.
func TestReadForeign(t *testing.T) {
	addr := netip.MustParseAddr(linkLocal)
	for _, data := range []string{"", "abc", skipComment, "\x02\x00\x00\x00" + skipComment + string(addr.AsSlice())} {
		if r := readForeign([]byte(data)); r.table != "" || r.skips || r.isAbout(addr) {
			t.Errorf("%q: %+v", data, r)
		}
	}
}

// TestLeftoverOld takes over rules whose comment is where iptables put it before 1.8.3, and nft
// still does.
func TestLeftoverOld(t *testing.T) {
	addRules(t, `table ip raw {
	chain PREROUTING {
		type filter hook prerouting priority raw; policy accept;
		ip daddr 169.254.20.10 udp dport 53 counter notrack comment "NodeLocal DNS Cache: skip conntrack"
		ip daddr 169.254.20.10 udp dport 53 counter notrack comment "not NodeLocal DNS Cache: skip conntrack"
		ip daddr 169.254.20.11 udp dport 53 counter packets 1 bytes 2851992586 notrack comment "NodeLocal DNS Cache: skip conntrack"
	}
}
table ip mine {
	chain PREROUTING {
		ip daddr 169.254.20.10 udp dport 53 counter notrack comment "NodeLocal DNS Cache: skip conntrack"
	}
}`)
	was := ruleset(t)
	found := ofAddrs(t, linkLocal)
	if len(found) != 1 || !strings.HasPrefix(found[0].Name, "1 rules ") {
		t.Fatalf("%+v", found)
	}
	if err := found[0].TakeOver(); err != nil {
		t.Fatal(err)
	}
	line := "\t\tip daddr 169.254.20.10 udp dport 53 counter packets 0 bytes 0 notrack comment \"NodeLocal DNS Cache: skip conntrack\"\n"
	if is, want := ruleset(t), strings.Replace(was, line, "", 1); is != want || want == was {
		t.Errorf("is\n%s\nwant\n%s", is, want)
	}
}

// TestLeftoverRace has a stranger make the table anew between looking at its rules and deleting
// some of them: then a handle is another rule's.
func TestLeftoverRace(t *testing.T) {
	const rule = "iptables-nft -t raw -A PREROUTING -p udp -d %s --dport 53 -m comment --comment '%s' -j NOTRACK"
	sh(t, fmt.Sprintf(rule, linkLocal, skipComment))
	t.Cleanup(func() { sh(t, "nft delete table ip raw") })
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	now, err := generation(conn)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := listForeign(conn, []netip.Addr{netip.MustParseAddr(linkLocal)})
	if err != nil || len(rules) != 1 {
		t.Fatalf("%+v, %v", rules, err)
	}
	sh(t, "nft delete table ip raw; "+fmt.Sprintf(rule, linkLocal, "of a stranger"))
	before := ruleset(t)
	b := &batch{table: foreignTable, generation: now}
	b.deleteRule(rules[0])
	if err := b.commit(conn); !errors.Is(err, unix.ERESTART) {
		t.Errorf("deleted: %v", err)
	}
	if after := ruleset(t); after != before {
		t.Errorf("is\n%s\nwas\n%s", after, before)
	}
}

// TestLeftoverBusy takes rules over while others change theirs.
func TestLeftoverBusy(t *testing.T) {
	stop := busy(t)
	for range 5 {
		nodeLocalRules(t, "iptables-nft", linkLocal)
		found := ofAddrs(t, linkLocal)
		if len(found) != 1 {
			t.Fatalf("%+v", found)
		}
		if err := found[0].TakeOver(); err != nil {
			t.Error(err)
		}
	}
	stop()
}

// busy changes the ruleset all the time.
func busy(t *testing.T) (stop func()) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				_ = exec.Command("nft", "add table inet busy; delete table inet busy").Run()
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(done); <-ended })
	t.Cleanup(stop)
	return stop
}

// TestLeftoverUnwanted leaves alone what belongs to a node whose addresses or rules are not
// ours to set up.
func TestLeftoverUnwanted(t *testing.T) {
	sh(t, "ip link add nodelocaldns type "+dummyKind()+"; ip addr add 169.254.20.10/32 dev nodelocaldns")
	t.Cleanup(func() { sh(t, "ip link del nodelocaldns") })
	nodeLocalRules(t, "iptables-nft", linkLocal)
	for words, want := range map[string]string{"nodevice": "8 rules", "norules": "network device nodelocaldns"} {
		h := hold(t, linkLocal, words, "kind="+dummyKind())
		for _, found := range [][]Leftover{h.Leftovers(), ofAddrs(t, linkLocal, words, "kind="+dummyKind())} {
			if len(found) != 1 || !strings.HasPrefix(found[0].Name, want) {
				t.Errorf("%s: %+v, want %s", words, found, want)
			}
		}
	}
}
