package node

import "testing"

// Each point is shown in both modes of kube-proxy, one after the other on one node.

func TestNFTables(t *testing.T) { points(t, "nftables") }

func TestIPTables(t *testing.T) { points(t, "iptables") }

func points(t *testing.T, mode string) {
	w := newWorld(t, mode)
	for _, p := range []struct {
		name string
		show func(*testing.T, *world)
	}{
		{"resolves", resolves},
		{"untracked", untracked},
		{"killed", killed},
		{"hangs", hangs},
		{"silent", silent},
		{"upgrades", upgrades},
		{"one of two hangs", oneHangs},
		{"stops", stops},
		{"cluster DNS replaced", replaced},
		{"firewall", firewall},
		{"confined", confined},
		{"refuses", refuses},
		{"leftovers", leftovers},
		{"link-local address alone", fallbacks},
	} {
		t.Run(p.name, func(t *testing.T) {
			p.show(t, w)
		})
	}
}
