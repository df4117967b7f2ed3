package node

import (
	"slices"
	"testing"
)

// Each point is shown in both modes of kube-proxy. All points share one node, one after the other.

func TestNFTables(t *testing.T) { show(t, "nftables", slices.Concat(points, once)) }

func TestIPTables(t *testing.T) { show(t, "iptables", points) }

// point is something to show.
type point struct {
	name string
	show func(*testing.T, *world)
}

var (
	points = []point{
		{"resolves", resolves},
		{"untracked", untracked},
		{"killed", killed},
		{"hangs", hangs},
		{"upgrades", upgrades},
		{"one of two hangs", oneHangs},
		{"stops", stops},
		{"cluster DNS replaced", replaced},
		{"forged", forged},
		{"outside", outside},
		{"firewall", firewall},
		{"confined", confined},
		{"link-local address alone", fallbacks},
	}
	// What kube-proxy does makes no difference to these.
	once = []point{
		{"silent", silent},
		{"refuses", refuses},
		{"leftovers", leftovers},
	}
)

func show(t *testing.T, mode string, points []point) {
	w := newWorld(t, mode)
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) { p.show(t, w) })
	}
}
