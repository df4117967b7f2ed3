package hard

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// all asks for all names at the same time, and returns the answers in order. There are four
// clients, and two of them ask over TCP.
func all(to netip.AddrPort, names []string) []answer {
	got := make([]answer, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		who := client{[]string{"udp", "tcp"}[i%2], netip.AddrFrom4([4]byte{127, 0, 2, byte(1 + i%4)})}
		group.Go(func() { got[i] = who.ask(to, name) })
	}
	group.Wait()
	return got
}

// TestIdenticalMisses has 50 clients ask for the same name, in various letter cases, over UDP and
// TCP, before it is answered. The server is asked once. On a busy machine it takes long, and is asked
// again for that reason: the hedges are counted.
func TestIdenticalMisses(t *testing.T) {
	f := newServer(t)
	f.Do(testkit.Late(60*time.Millisecond, answers))
	n := start(t, block(".", "tcp", f))
	for round := range 10 {
		name := fmt.Sprintf("same-name-%d.example.org.", round)
		names := make([]string, 50)
		for i := range names {
			names[i] = shuffleCase(name)
		}
		before := n.Scrape()
		for _, a := range all(n.addr, names) {
			if !a.right() {
				t.Errorf("%s: %v", name, a)
			}
		}
		after := n.Scrape()
		hedges := after.Sum("nodecache_upstream_hedges_total") - before.Sum("nodecache_upstream_hedges_total")
		if asked := f.Asked(name); asked < 1 || asked > 1+int(hedges) {
			t.Errorf("%s: the server was asked %d times; %v hedges", name, asked, hedges)
		}
		const series = "nodecache_coalesced_queries_total"
		if joined := after.Sum(series) - before.Sum(series); joined < 1 {
			t.Errorf("%s: no query waited for another", name)
		}
	}
}

// shuffleCase returns a name with some letters in upper case.
func shuffleCase(name string) string {
	return strings.Map(func(r rune) rune {
		if rand.IntN(2) == 0 {
			return []rune(strings.ToUpper(string(r)))[0]
		}
		return r
	}, name)
}

// TestFewConnections misses 1,000 different names at a time, of the cluster and others. The node
// cache asks two slow servers for them, over 4 connections to each at most.
func TestFewConnections(t *testing.T) {
	servers := []*testkit.Server{newServer(t), newServer(t)}
	for _, f := range servers {
		f.Do(testkit.Late(300*time.Millisecond, answers))
	}
	n := start(t, block(".", "tcp", servers...))
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("name-%d.%s", i, []string{"example.org.", "ns.svc.cluster.local.", "example.net."}[i%3])
	}
	for i, a := range all(n.addr, names) {
		if !a.right() {
			t.Errorf("%s: %v", names[i], a)
		}
	}
	for _, f := range servers {
		t.Logf("%v was asked %d times, over %d connections at a time and %d in all", f.Addr, f.AskedBelow("."), f.Most.Load(), f.Dials.Load())
		if most := f.Most.Load(); most < 1 || most > 4 {
			t.Errorf("%d connections at a time to %v, expected 1 to 4", most, f.Addr)
		}
	}
}

// TestSharedConnections has three blocks ask one slow server, as in the official Corefile. Together
// they have 4 connections at most.
func TestSharedConnections(t *testing.T) {
	f := newServer(t)
	f.Do(testkit.Late(300*time.Millisecond, answers))
	n := start(t, block("cluster.local", "tcp", f)+block("in-addr.arpa", "tcp", f)+block(".", "tcp", f))
	names := make([]string, 900)
	for i := range names {
		names[i] = fmt.Sprintf("name-%d.%s", i, []string{"ns.svc.cluster.local.", "10.in-addr.arpa.", "example.org."}[i%3])
	}
	for i, a := range all(n.addr, names) {
		if !a.right() {
			t.Errorf("%s: %v", names[i], a)
		}
	}
	if most := f.Most.Load(); most < 1 || most > 4 {
		t.Errorf("%d connections at a time, expected 1 to 4", most)
	}
}

// TestLoopConnections has the node cache look for a loop while all 4 connections to a slow server
// are in use.
func TestLoopConnections(t *testing.T) {
	f := newServer(t)
	f.Do(testkit.Late(300*time.Millisecond, answers))
	n := start(t, strings.Replace(block(".", "tcp", f), "errors\n", "errors\n\tloop\n", 1))
	looked := func() bool { // the query that looks for a loop has a name right below the root
		return f.AskedBelow(".") > f.AskedBelow(".example.org.")+f.AskedBelow(".cluster.local.")+f.Asked(".")
	}
	for round := 0; !looked(); round++ {
		if round == 20 {
			t.Fatal("no loop was looked for")
		}
		names := make([]string, 900)
		for i := range names {
			names[i] = fmt.Sprintf("name-%d-%d.%s", round, i, []string{"ns.svc.cluster.local.", "example.org."}[i%2])
		}
		all(n.addr, names)
	}
	if most := f.Most.Load(); most != 4 {
		t.Errorf("%d connections at a time, expected 4", most)
	}
}
