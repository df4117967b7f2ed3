package hostnet

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// TestKill shows that the kernel takes everything back when the process dies.
func TestKill(t *testing.T) {
	netns.AddRules(t, stranger)
	before := node(t)
	c := startChild(t, nil, "hold", linkLocal, clusterIP, clusterV6, "health")
	if mode := c.ask(t, "open"); mode != "tun owned" {
		t.Fatal(mode)
	}
	c.must(t, "intercept")
	if !has(t, linkLocal) || !has(t, clusterV6) {
		t.Fatal("no addresses")
	}
	c.kill()
	took := testkit.Within(t, time.Second, "as before", func() bool { return node(t) == before })
	t.Logf("given back %v after the death", took)
}

// TestKillMany kills many processes, each at another moment. The node is as it was.
func TestKillMany(t *testing.T) {
	netns.AddRules(t, stranger)
	before := node(t)
	for n := range 60 {
		c := startChild(t, nil, "hold", linkLocal, clusterIP, clusterV6, "health")
		fmt.Fprintln(c.in, "open\nintercept\nrelease\nclose")
		time.Sleep(time.Duration(n) * time.Millisecond) // to kill it in another step
		c.kill()
	}
	testkit.Within(t, 3*time.Second, "as before", func() bool { return node(t) == before })
}

// TestStop shows that interception ends by itself when the process hangs, that the rules for answers
// stay, and that the process can intercept again when it goes on.
func TestStop(t *testing.T) {
	c := startChild(t, nil, "hold", linkLocal, clusterV6)
	c.ask(t, "open")
	began := time.Now()
	c.must(t, "intercept")
	c.cmd.Process.Signal(syscall.SIGSTOP)
	took := testkit.Within(t, lifetime+time.Second, "elements are gone", func() bool { return !intercepts(t) })
	if took := time.Since(began); took < lifetime {
		t.Errorf("given back after %v, before its time", took)
	}
	t.Logf("given back %v after it stopped", took)
	if rules := ruleset(t); strings.Count(rules, linkLocal) != 2 || !has(t, linkLocal) {
		t.Errorf("no rules for answers and connections, or no address:\n%s", rules)
	}
	c.cmd.Process.Signal(syscall.SIGCONT)
	c.must(t, "intercept")
	if !intercepts(t) {
		t.Error("not intercepted again")
	}
}

// intercepts reports whether the set take4 has an element.
func intercepts(t *testing.T) bool {
	t.Helper()
	return regexp.MustCompile(`set take4 \{[^}]*timeout[^}]*elements = `).MatchString(netns.Sh(t, "nft list ruleset"))
}

// TestRenew shows that interception that is renewed lasts for longer than its lifetime, without a gap.
func TestRenew(t *testing.T) {
	h := hold(t, linkLocal)
	keep(t, h)
	for start := time.Now(); time.Since(start) < lifetime+time.Second; time.Sleep(20 * time.Millisecond) { // between two looks
		if !intercepts(t) {
			t.Fatal("interrupted")
		}
	}
}

func TestRelease(t *testing.T) {
	h := hold(t, linkLocal, clusterV6)
	intercept(t, h)
	if err := h.Release(); err != nil || intercepts(t) {
		t.Fatalf("%v, or still intercepted", err)
	}
	before := ruleset(t)
	intercept(t, h)
	for range 2 { // the second time there is nothing to release
		if err := h.Release(); err != nil {
			t.Fatal(err)
		}
		if after := ruleset(t); after != before {
			t.Errorf("got\n%s\nwant\n%s", after, before)
		}
	}
	intercept(t, h)
	testkit.Eventually(t, "the kernel releases", func() bool { return !intercepts(t) })
	if err := h.Release(); err != nil {
		t.Errorf("of what the kernel released: %v", err)
	}
}

// TestPutBack shows that what someone takes away is put back.
func TestPutBack(t *testing.T) {
	for _, command := range []string{
		"ip addr del 169.254.20.10/32 dev neardns0",
		"ip addr del fd00:96::a/128 dev neardns0",
		"ip addr flush dev neardns0",
		"ip link set neardns0 down",
		"ip link del neardns0",
	} {
		t.Run(command, func(t *testing.T) {
			h := hold(t, linkLocal, clusterV6)
			serve(t, linkLocal+":53", "ours")
			before := netns.Sh(t, "ip -o addr | grep -o 'inet.*' | sort; ip -o link show neardns0 | grep -o '<.*>'")
			netns.Sh(t, command)
			took := testkit.Within(t, testkit.Patience, "put back", func() bool {
				return before == netns.Sh(t, "ip -o addr | grep -o 'inet.*' | sort; ip -o link show neardns0 | grep -o '<.*>' || true")
			})
			t.Logf("after %v", took)
			testkit.Eventually(t, "probe", func() bool {
				answer, err := probeUDP(h, linkLocal+":53", impatience)
				return err == nil && answer == "ours"
			})
			if rules := ruleset(t); !strings.Contains(rules, `elements = { "neardnsN" }`) {
				t.Errorf("rules don't know the device:\n%s", rules)
			}
		})
	}
}

// TestRoutes shows that Ensure puts back routes, whose loss makes no event that we hear.
func TestRoutes(t *testing.T) {
	h := hold(t, linkLocal, clusterV6)
	before := node(t)
	netns.Sh(t, "ip route flush dev neardns0; ip -6 route flush dev neardns0")
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before)
}

// TestTwo has two processes with the same addresses. When either closes or is killed, the other goes on.
func TestTwo(t *testing.T) {
	pod := startPod(t, 1)
	for _, first := range []int{0, 1} {
		for _, way := range []string{"close", "kill"} {
			var both [2]*child
			for i := range both {
				both[i] = startChild(t, nil, "hold", linkLocal, clusterIP, clusterV6)
				if mode := both[i].ask(t, "open"); mode != "tun owned" {
					t.Fatal(mode)
				}
				both[i].must(t, "intercept")
			}
			t.Run("", func(t *testing.T) {
				for _, a := range []string{linkLocal + ":53", clusterIP + ":53", "[" + clusterV6 + "]:53"} {
					serve(t, a, "ours")
				}
				if way == "close" {
					both[first].must(t, "close")
				} else {
					both[first].kill()
				}
				for _, a := range []string{linkLocal + ":53", clusterIP + ":53", "[" + clusterV6 + "]:53"} {
					for _, network := range []string{"udp", "tcp"} {
						if answer := pod.ask(t, network+" "+a); answer != "ours" {
							t.Errorf("%s of number %d: pod, %s %s: %s", way, first, network, a, answer)
						}
						if answer, err := question(network, a, patience); answer != "ours" {
							t.Errorf("%s of number %d: host, %s %s: %v", way, first, network, a, err)
						}
					}
				}
				if !intercepts(t) {
					t.Errorf("%s of number %d took the other's rules", way, first)
				}
			})
			both[0].kill()
			both[1].kill()
			testkit.Within(t, time.Second, "gone", func() bool { return !has(t, linkLocal) })
		}
	}
}
