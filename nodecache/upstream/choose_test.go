package upstream

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// clusterOf simulates 5,000 nodes that choose 3 of the servers each.
type clusterOf struct {
	seats  []seat
	choice [][]Endpoint
}

func (c *clusterOf) choose(servers []Endpoint) (load map[Endpoint]int, moves int) {
	load = map[Endpoint]int{}
	for i, s := range c.seats {
		next := choose(s, servers, 3, func(Endpoint) bool { return false })
		for _, e := range next {
			load[e]++
			if c.choice[i] != nil && !slices.Contains(c.choice[i], e) {
				moves++
			}
		}
		c.choice[i] = next
	}
	return load, moves
}

func spread(load map[Endpoint]int, servers []Endpoint) float64 {
	least, most := 1<<30, 0
	for _, e := range servers {
		least, most = min(least, load[e]), max(most, load[e])
	}
	return float64(most) / float64(least)
}

func pod(i int) Endpoint {
	return Endpoint{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 244, byte(i >> 8), byte(i)}), 53), Proto: TCP}
}

// 5,000 nodes with neighbouring addresses and 20 pods, one of which is replaced, goes or
// comes at each step: the load stays even, and only those move that have to.
func TestSpread(t *testing.T) {
	c := &clusterOf{choice: make([][]Endpoint, 5000)}
	for i := range 5000 {
		c.seats = append(c.seats, newSeat(fmt.Sprintf("10.20.%d.%d", i/250, i%250+1)))
	}
	var servers []Endpoint
	for i := range 20 {
		servers = append(servers, pod(i))
	}
	random := rand.New(rand.NewPCG(1, 2))
	load, _ := c.choose(servers)
	worst := spread(load, servers)
	for step := range 40 {
		gone := random.IntN(len(servers))
		before := load[servers[gone]]
		servers = slices.Delete(servers, gone, gone+1)
		if _, moves := c.choose(servers); moves != before {
			t.Errorf("step %d: %d moves for a pod of %d nodes", step, moves, before)
		}
		fresh := pod(20 + step)
		servers = append(servers, fresh)
		var moves int
		if load, moves = c.choose(servers); moves != load[fresh] {
			t.Errorf("step %d: %d moves to a pod of %d nodes", step, moves, load[fresh])
		}
		worst = max(worst, spread(load, servers))
	}
	t.Logf("most/least loaded pod, worst of 41 sets: %.3f", worst)
	if worst >= 1.2 {
		t.Errorf("most/least %.3f", worst)
	}
}

// Without addresses the choices are independent, and the spread is that of chance.
func TestSpreadByName(t *testing.T) {
	c := &clusterOf{choice: make([][]Endpoint, 5000)}
	for i := range 5000 {
		c.seats = append(c.seats, newSeat(fmt.Sprintf("node-%x", hash([]byte{byte(i), byte(i >> 8)})>>40)))
	}
	sum := 0.0
	for round := range 20 {
		var servers []Endpoint
		for i := range 20 {
			servers = append(servers, pod(round*20+i))
		}
		load, _ := c.choose(servers)
		sum += spread(load, servers)
	}
	t.Logf("most/least loaded pod, mean of 20 sets: %.3f", sum/20)
	if sum/20 > 1.17 {
		t.Errorf("most/least %.3f", sum/20)
	}
}

// Servers that are down are replaced by the next in the node's order, and all are asked
// where none is left.
func TestChooseSkips(t *testing.T) {
	all := []Endpoint{pod(1), pod(2), pod(3), pod(4), pod(5)}
	node := newSeat("10.0.0.1")
	best := choose(node, all, 3, func(Endpoint) bool { return false })
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
