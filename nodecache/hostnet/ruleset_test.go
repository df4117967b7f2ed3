package hostnet

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/neardns/neardns/test/netns"
)

// wantTable is the table for one IPv4 address and one IPv6 address, as nft lists it.
const wantTable = `table inet neardns-N {
	flags owner

	set probes {
		type iface_index
		elements = { "neardnsN" }
	}

	set probe4 {
		type ipv4_addr
		elements = { 169.254.253.N }
	}

	set probe6 {
		type ipv6_addr
		elements = { fd6e:6561:7264:6e73::N }
	}

	set outside {
		type iface_index
	}

	set take4 {
		type ipv4_addr
		timeout 3s
		elements = { 169.254.20.10 }
	}

	set own4 {
		type ipv4_addr
		elements = { 169.254.20.10 }
	}

	set pass4 {
		type ipv4_addr . inet_service
		size 65536
		flags dynamic,timeout
		timeout 1m
	}

	set begun4 {
		type ipv4_addr
		elements = { 169.254.20.10 }
	}

	set take6 {
		type ipv6_addr
		timeout 3s
		elements = { fd00:96::a }
	}

	set own6 {
		type ipv6_addr
		elements = { fd00:96::a }
	}

	set pass6 {
		type ipv6_addr . inet_service
		size 65536
		flags dynamic,timeout
		timeout 1m
	}

	set begun6 {
		type ipv6_addr
		elements = { fd00:96::a }
	}

	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		iif @probes notrack accept
		ip saddr @probe4 drop
		ip daddr @probe4 drop
		ip6 saddr @probe6 drop
		ip6 daddr @probe6 drop
		iif @outside accept
RULES
	}

	chain input {
		type filter hook input priority raw; policy accept;
		iif @outside udp dport 53 ip daddr @own4 drop
		iif @outside tcp dport 53 ip daddr @own4 drop
		iif @outside udp dport 53 ip6 daddr @own6 drop
		iif @outside tcp dport 53 ip6 daddr @own6 drop
	}

	chain output {
		type filter hook output priority raw; policy accept;
RULES
	}
}`

const wantRules = `		meta mark 0x00000035 ip daddr @own4 notrack
		tcp dport 53 ip saddr . tcp sport @pass4 update @pass4 { ip saddr . tcp sport } accept
		tcp dport 53 ip daddr @own4 ip daddr != @begun4 ct state == invalid update @pass4 { ip saddr . tcp sport } accept
		tcp dport 53 tcp flags syn / syn,ack ip daddr @own4 ip daddr != @take4 ct state == invalid update @pass4 { ip saddr . tcp sport } accept
		tcp dport 53 ip daddr @begun4 notrack
		tcp sport 53 ip saddr @own4 notrack
		udp dport 53 ip daddr @take4 notrack
		tcp dport 8080 ip daddr @take4 notrack
		udp sport 53 ip saddr @own4 notrack
		tcp sport 8080 ip saddr @own4 notrack
		meta mark 0x00000035 ip6 daddr @own6 notrack
		tcp dport 53 ip6 saddr . tcp sport @pass6 update @pass6 { ip6 saddr . tcp sport } accept
		tcp dport 53 ip6 daddr @own6 ip6 daddr != @begun6 ct state == invalid update @pass6 { ip6 saddr . tcp sport } accept
		tcp dport 53 tcp flags syn / syn,ack ip6 daddr @own6 ip6 daddr != @take6 ct state == invalid update @pass6 { ip6 saddr . tcp sport } accept
		tcp dport 53 ip6 daddr @begun6 notrack
		tcp sport 53 ip6 saddr @own6 notrack
		udp dport 53 ip6 daddr @take6 notrack
		tcp dport 8080 ip6 daddr @take6 notrack
		udp sport 53 ip6 saddr @own6 notrack
		tcp sport 8080 ip6 saddr @own6 notrack`

// squeeze drops what differs between versions of nft: empty lines and blanks.
func squeeze(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestRuleset(t *testing.T) {
	h := hold(t, linkLocal, clusterV6, "health")
	intercept(t, h)
	want := strings.ReplaceAll(wantTable, "RULES", wantRules)
	if got := ruleset(t); squeeze(got) != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if m := h.Mode(); m != (Mode{Device: "tun", Table: "owned"}) || m.Impaired() {
		t.Errorf("mode %+v", m)
	}
}

// TestAgain shows that a step that is repeated changes nothing.
func TestAgain(t *testing.T) {
	h := hold(t, linkLocal, clusterIP, clusterV6)
	intercept(t, h)
	rules, links := ruleset(t), netns.Sh(t, "ip addr; ip route; ip -6 route")
	for range 50 {
		intercept(t, h)
		if err := h.Ensure(); err != nil {
			t.Fatal(err)
		}
	}
	if got := ruleset(t); got != rules {
		t.Errorf("got\n%s\nwant\n%s", got, rules)
	}
	if got := netns.Sh(t, "ip addr; ip route; ip -6 route"); got != links {
		t.Errorf("got\n%s\nwant\n%s", got, links)
	}
}

// stranger is rules of others. One has connections tracked.
const stranger = `
table inet stranger {
	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		udp dport 53 ip daddr 169.254.20.10 counter packets 0 bytes 0
	}
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established accept
	}
}
table ip neardns {
	set take4 { type ipv4_addr; elements = { 1.2.3.4 } }
}
table inet neardns-x {
	chain prerouting { type filter hook prerouting priority raw; policy accept; }
}`

// TestThousand opens and closes a thousand Hosts, four at a time, beside a stranger's rules. The node
// stays as it was.
func TestThousand(t *testing.T) {
	netns.AddRules(t, stranger)
	before := node(t)
	var all errgroup.Group
	for range 4 {
		all.Go(func() error {
			for range 250 {
				if err := openAndClose(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before)
}

func openAndClose() error {
	c, err := config(linkLocal, clusterIP, clusterV6)
	if err != nil {
		return err
	}
	h, err := Open(c)
	if err != nil {
		return err
	}
	return errors.Join(h.Intercept(), h.Release(), h.Close())
}

// TestOwned shows that nobody else can change the table: not even by flushing all rules.
func TestOwned(t *testing.T) {
	h := hold(t, linkLocal)
	intercept(t, h)
	before := ruleset(t)
	netns.Sh(t, "nft flush ruleset; nft delete table inet $(nft list tables | cut -d' ' -f3) && exit 1 || true")
	if after := ruleset(t); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}
