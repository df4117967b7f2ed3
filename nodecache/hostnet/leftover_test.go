package hostnet

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/neardns/neardns/test/netns"
)

// TestLeftover finds the device of a node-local cache of kubernetes/dns and deletes it. There is no
// moment at which nobody has the addresses.
func TestLeftover(t *testing.T) {
	netns.Sh(t, "ip link add nodelocaldns type "+dummyKind()+"; ip addr add 169.254.20.10/32 dev nodelocaldns; "+
		"ip addr add 10.96.0.10/32 dev nodelocaldns; ip addr add 10.96.0.99/32 dev nodelocaldns; ip link set nodelocaldns up")
	want := []Leftover{{Name: "network device nodelocaldns", Addrs: []netip.Addr{netip.MustParseAddr(linkLocal), netip.MustParseAddr(clusterIP)}}}
	same := func(got []Leftover) bool {
		return len(got) == 1 && got[0].Name == want[0].Name && slices.Equal(got[0].Addrs, want[0].Addrs)
	}
	h := hold(t, linkLocal, clusterIP, clusterV6, "kind="+dummyKind())
	if !same(h.Leftovers()) {
		t.Fatalf("%+v", h.Leftovers())
	}
	serve(t, clusterIP+":53", "ours")
	for range 2 { // the second time it is gone
		if err := h.Leftovers()[0].TakeOver(); err != nil {
			t.Fatal(err)
		}
		if answer, err := both(h, clusterIP+":53"); answer != "ours" || err != nil {
			t.Errorf("%q, %v", answer, err)
		}
	}
	if links := netns.Sh(t, "ip -o link"); strings.Contains(links, "nodelocaldns") {
		t.Error(links)
	}
}

// TestLeftoverRules takes over rules of iptables-nft, and says how to delete those of
// iptables-legacy.
func TestLeftoverRules(t *testing.T) {
	netns.NodeLocalRules(t, "iptables-nft", linkLocal)
	netns.NodeLocalRules(t, "iptables-legacy", linkLocal)
	found := hold(t, linkLocal).Leftovers()
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	if err := found[0].TakeOver(); err != nil {
		t.Error(err)
	}
	err := found[1].TakeOver()
	if err == nil || !strings.Contains(err.Error(), "; run on the node: iptables-legacy-save -t raw | grep ") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

// TestLeftoverUnwanted leaves a device alone where we make none, and rules where we make none.
func TestLeftoverUnwanted(t *testing.T) {
	netns.Sh(t, "ip link add nodelocaldns type "+dummyKind()+"; ip addr add 169.254.20.10/32 dev nodelocaldns")
	t.Cleanup(func() { netns.Sh(t, "ip link del nodelocaldns") })
	netns.NodeLocalRules(t, "iptables-nft", linkLocal)
	for words, want := range map[string]string{"nodevice": "8 rules", "norules": "network device nodelocaldns"} {
		h := hold(t, linkLocal, words, "kind="+dummyKind())
		if found := h.Leftovers(); len(found) != 1 || !strings.HasPrefix(found[0].Name, want) {
			t.Errorf("%s: %+v, want %s", words, found, want)
		}
	}
}
