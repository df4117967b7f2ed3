package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/test/netns"
)

// Addresses that a node cache has.
const (
	linkLocal = "169.254.20.10"
	clusterIP = "10.96.0.10"
	clusterV6 = "fd00:96::a"
)

func addrs(texts ...string) (list []netip.Addr) {
	for _, a := range texts {
		list = append(list, netip.MustParseAddr(a))
	}
	return list
}

// foreign finds the rules that others have left about addresses.
func foreign(t *testing.T, texts ...string) []Foreign {
	t.Helper()
	found, err := FindForeign(addrs(texts...))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestForeignRules deletes the rules that iptables-nft has written, have the comment and are about
// our addresses, and no others.
func TestForeignRules(t *testing.T) {
	const other = "169.254.99.99"
	netns.NodeLocalRules(t, "iptables-nft", other)
	netns.NodeLocalRules(t, "ip6tables-nft", "fd00:99::99")
	netns.Sh(t, "iptables-nft -t raw -A PREROUTING -p udp -d "+linkLocal+" --dport 53 -m comment --comment 'a stranger: skip conntrack' -j NOTRACK")
	before := ruleset(t)
	if found := foreign(t, linkLocal, clusterV6); len(found) > 0 {
		t.Fatalf("strangers' rules are found: %+v", found)
	}
	netns.NodeLocalRules(t, "iptables-nft", linkLocal)
	netns.NodeLocalRules(t, "ip6tables-nft", clusterV6)
	found := foreign(t, linkLocal, clusterV6)
	if len(found) != 1 || found[0].Name != `16 rules "NodeLocal DNS Cache: skip conntrack" in nf_tables` {
		t.Fatalf("%+v", found)
	}
	for range 2 { // the second time there is nothing to do
		if err := found[0].Delete(); err != nil {
			t.Fatal(err)
		}
	}
	if found := foreign(t, linkLocal, clusterV6); len(found) > 0 {
		t.Errorf("left: %+v", found)
	}
	// Its other rules, which accept queries, stay.
	netns.Sh(t, "iptables-nft-save -t filter | grep -c "+linkLocal+" | grep -x 4")
	netns.Sh(t, "for a in "+linkLocal+"; do for c in INPUT OUTPUT; do iptables-nft -S $c | grep $a | sed 's/^-A/-D/' | xargs -L1 iptables-nft; done; done")
	netns.Sh(t, "for a in "+clusterV6+"; do for c in INPUT OUTPUT; do ip6tables-nft -S $c | grep $a | sed 's/^-A/-D/' | xargs -L1 ip6tables-nft; done; done")
	if after := ruleset(t); after != before {
		t.Errorf("strangers' rules changed:\n%s\nwere\n%s", after, before)
	}
}

// TestForeignLegacy runs the commands that the error names for rules that no netlink message
// deletes. They leave strangers' rules alone.
func TestForeignLegacy(t *testing.T) {
	for tool, at := range map[string][3]string{
		"iptables-legacy":  {linkLocal, clusterIP, "169.254.99.99"},
		"ip6tables-legacy": {clusterV6, "fd00:20::10", "fd00:99::99"},
	} {
		if found := foreign(t, linkLocal, clusterV6); len(found) > 0 {
			t.Fatalf("found without any: %+v", found)
		}
		netns.NodeLocalRules(t, tool, at[2])
		netns.Sh(t, tool+" -t raw -A PREROUTING -p udp -d "+at[0]+" -m comment --comment 'a stranger: skip conntrack' -j NOTRACK")
		before := netns.Sh(t, tool+" -t raw -S")
		if found := foreign(t, at[0], at[1]); len(found) > 0 {
			t.Fatalf("strangers' rules are found: %+v", found)
		}
		netns.NodeLocalRules(t, tool, at[0], at[1], at[0]) // some twice, as it happens
		found := foreign(t, at[0], at[1], linkLocal, clusterV6)
		if len(found) != 1 || found[0].Name != `24 rules "NodeLocal DNS Cache: skip conntrack" of `+tool {
			t.Fatalf("%+v", found)
		}
		err := found[0].Delete()
		if err == nil || !strings.Contains(err.Error(), "24 are of ip_tables") || strings.Contains(err.Error(), "\n") {
			t.Fatal(err)
		}
		var known interface{ Remedy() string }
		if !errors.As(err, &known) {
			t.Fatal(err)
		}
		commands, ok := strings.CutPrefix(known.Remedy(), "run on the node: ")
		if !ok {
			t.Fatal(known.Remedy())
		}
		netns.Sh(t, commands)
		if err := found[0].Delete(); err != nil {
			t.Errorf("after %s: %v", commands, err)
		}
		if after := netns.Sh(t, tool+" -t raw -S"); after != before {
			t.Errorf("after %s:\n%s\nwant\n%s", commands, after, before)
		}
	}
}

// TestReadForeign reads messages that hold no rule.
func TestReadForeign(t *testing.T) {
	addr := netip.MustParseAddr(linkLocal)
	for _, data := range []string{"", "abc", skipComment, "\x02\x00\x00\x00" + skipComment + string(addr.AsSlice())} {
		if r := readForeign([]byte(data)); r.table != "" || r.skips || r.isAbout(addr) {
			t.Errorf("%q: %+v", data, r)
		}
	}
}

// TestForeignOld deletes rules whose comment is where iptables before 1.8.3 put it, and nft still
// does.
func TestForeignOld(t *testing.T) {
	netns.AddRules(t, `table ip raw {
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
	found := foreign(t, linkLocal)
	if len(found) != 1 || !strings.HasPrefix(found[0].Name, "1 rules ") {
		t.Fatalf("%+v", found)
	}
	if err := found[0].Delete(); err != nil {
		t.Fatal(err)
	}
	line := "\t\tip daddr 169.254.20.10 udp dport 53 counter packets 0 bytes 0 notrack comment \"NodeLocal DNS Cache: skip conntrack\"\n"
	if is, want := ruleset(t), strings.Replace(was, line, "", 1); is != want || want == was {
		t.Errorf("is\n%s\nwant\n%s", is, want)
	}
}

// TestForeignRace has a stranger delete the table and make it again after we have looked at its
// rules and before we delete some: then a handle stands for another rule.
func TestForeignRace(t *testing.T) {
	const rule = "iptables-nft -t raw -A PREROUTING -p udp -d %s --dport 53 -m comment --comment '%s' -j NOTRACK"
	netns.Sh(t, fmt.Sprintf(rule, linkLocal, skipComment))
	t.Cleanup(func() { netns.Sh(t, "nft delete table ip raw") })
	conn := dial(t)
	now, err := conn.generation()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := conn.foreign(addrs(linkLocal))
	if err != nil || len(rules) != 1 {
		t.Fatalf("%+v, %v", rules, err)
	}
	netns.Sh(t, "nft delete table ip raw; "+fmt.Sprintf(rule, linkLocal, "of a stranger"))
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

// TestForeignBusy deletes rules while others change theirs.
func TestForeignBusy(t *testing.T) {
	stop := busy(t)
	for range 5 {
		netns.NodeLocalRules(t, "iptables-nft", linkLocal)
		found := foreign(t, linkLocal)
		if len(found) != 1 {
			t.Fatalf("%+v", found)
		}
		if err := found[0].Delete(); err != nil {
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
