package upstream

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

const (
	nodeCount = 5000
	podCount  = 20
)

// plans are the ways in which clusters number their nodes. If addresses are close, nodes share out
// scores.
var plans = map[string]struct {
	close bool
	node  func(r *rand.Rand, i int) string
}{
	"one /16, consecutive": {true, func(_ *rand.Rand, i int) string { return address(10, 20, i+10) }},
	"racks of 250 in /24s": {true, func(_ *rand.Rand, i int) string { return address(10, 20, i/250<<8+i%250+1) }},
	"IPv6, consecutive":    {true, func(_ *rand.Rand, i int) string { return fmt.Sprintf("fd00:10::%x", i+1) }},
	"three zones of a /18": {false, func(r *rand.Rand, i int) string { return address(10, byte(i%3), r.IntN(1<<14)) }},
	"any in 10/8":          {false, func(r *rand.Rand, i int) string { return address(10, byte(i), r.IntN(1<<16)) }},
	"names":                {false, func(r *rand.Rand, _ int) string { return fmt.Sprintf("node-%x", r.Uint64()) }},
}

func address(a, b byte, rest int) string {
	return netip.AddrFrom4([4]byte{a, b, byte(rest >> 8), byte(rest)}).String()
}

// chooser returns the servers that a node chooses.
type chooser func(node seat, servers []Endpoint) []Endpoint

func nearest(node seat, servers []Endpoint) []Endpoint {
	return choose(node, servers, 3, func(Endpoint) bool { return false })
}

// nodes are the nodes of a cluster, the Pods of its DNS, and which Pods each node chose.
type nodes struct {
	random *rand.Rand
	by     chooser
	seats  []seat
	pods   []Endpoint
	choice [][]Endpoint
	load   map[Endpoint]int
}

func newNodes(plan string, seed uint64, by chooser) *nodes {
	c := &nodes{random: rand.New(rand.NewPCG(seed, 1)), by: by, choice: make([][]Endpoint, nodeCount)}
	for i := range nodeCount {
		c.seats = append(c.seats, newSeat(plans[plan].node(c.random, i)))
	}
	for range podCount {
		c.addPod()
	}
	c.choose()
	return c
}

func (c *nodes) addPod() (added Endpoint) {
	for added.Addr.Port() == 0 || slices.Contains(c.pods, added) {
		addr := netip.MustParseAddr(address(10, 244, c.random.IntN(1<<16)))
		added = Endpoint{Addr: netip.AddrPortFrom(addr, 53), Proto: TCP}
	}
	c.pods = append(c.pods, added)
	return added
}

func (c *nodes) removePod() (removed Endpoint) {
	i := c.random.IntN(len(c.pods))
	removed = c.pods[i]
	c.pods = slices.Delete(c.pods, i, i+1)
	return removed
}

// choose makes every node choose, and returns how many connections moved.
func (c *nodes) choose() (moves int) {
	c.load = map[Endpoint]int{}
	for i, s := range c.seats {
		next := c.by(s, c.pods)
		for _, e := range next {
			c.load[e]++
			if !slices.Contains(c.choice[i], e) {
				moves++
			}
		}
		c.choice[i] = next
	}
	return moves
}

// spread returns the load of the fullest Pod divided by that of the emptiest.
func (c *nodes) spread() float64 {
	least, most := nodeCount, 0
	for _, e := range c.pods {
		least, most = min(least, c.load[e]), max(most, c.load[e])
	}
	return float64(most) / float64(max(least, 1))
}

// churn removes and adds Pods. It returns the spread after each step, and how many connections moved
// needlessly. Only those to a Pod that goes have to move, and those that a new Pod gets.
func (c *nodes) churn(steps int) (spreads []float64, needless int) {
	spreads = append(spreads, c.spread())
	for range steps {
		had := c.load[c.removePod()]
		needless += c.choose() - had
		spreads = append(spreads, c.spread())
		added := c.addPod()
		moves := c.choose()
		needless += moves - c.load[added]
		spreads = append(spreads, c.spread())
	}
	return spreads, needless
}

// With 5,000 nodes, and 20 Pods that come and go, the load stays even and no connection moves
// needlessly. If addresses are far apart, choices are independent, and chance decides how even it is.
func TestSpread(t *testing.T) {
	all := map[bool][]float64{}
	for plan, p := range plans {
		for seed := range uint64(2) {
			spreads, needless := newNodes(plan, seed, nearest).churn(4)
			if needless != 0 {
				t.Errorf("%s, seed %d: %d needless moves", plan, seed, needless)
			}
			if worst := slices.Max(spreads); p.close && worst >= 1.2 {
				t.Errorf("%s, seed %d: most/least loaded pod %.2f", plan, seed, worst)
			}
			all[p.close] = append(all[p.close], spreads...)
		}
	}
	for close, spreads := range all {
		t.Logf("most/least loaded pod, nodes' addresses close: %v; %d sets: mean %.2f, worst %.2f",
			close, len(spreads), mean(spreads), slices.Max(spreads))
	}
	if mean(all[false]) >= 1.17 || slices.Max(all[false]) >= 1.3 {
		t.Error("more uneven than chance makes it")
	}
}

func mean(all []float64) (mean float64) {
	for _, x := range all {
		mean += x / float64(len(all))
	}
	return mean
}

// The simulation rejects choices by number, which move when the set of Pods changes, and choices of
// the first servers in the list, which are the same for all nodes.
func TestSpreadCanFail(t *testing.T) {
	number := 0
	byNumber := func(_ seat, servers []Endpoint) (chosen []Endpoint) {
		number = (number + 1) % nodeCount // they choose in turn
		for i := range 3 {
			chosen = append(chosen, servers[(number+i)%len(servers)])
		}
		return chosen
	}
	if _, needless := newNodes("names", 1, byNumber).churn(3); needless < nodeCount {
		t.Errorf("by number: %d needless moves", needless)
	}
	first := func(_ seat, servers []Endpoint) []Endpoint { return servers[:3] }
	if c := newNodes("names", 1, first); c.spread() < 1.2 {
		t.Errorf("the first: %.3f", c.spread())
	}
}

// Servers that are down are replaced by the next in the node's order. If all are down, none is left
// out.
func TestChooseSkips(t *testing.T) {
	all := newNodes("names", 1, nearest).pods[:5]
	node := newSeat("10.0.0.1")
	best := nearest(node, all)
	next := choose(node, all, 3, func(e Endpoint) bool { return e == best[0] })
	if len(next) != 3 || next[0] != best[1] || next[1] != best[2] || slices.Contains(next, best[0]) {
		t.Errorf("%v, then %v", best, next)
	}
	if got := choose(node, all, 3, func(Endpoint) bool { return true }); !slices.Equal(got, best) {
		t.Errorf("all down: %v", got)
	}
	if got := choose(node, all, 0, func(Endpoint) bool { return true }); !slices.Equal(got, all) {
		t.Errorf("all: %v", got)
	}
}
