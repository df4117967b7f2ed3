package hostnet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// asks has a pod ask at addresses over UDP and TCP, and returns the answer, or all answers if they
// differ.
func asks(t *testing.T, p *child, addrs ...string) string {
	t.Helper()
	var got []string
	for _, addr := range addrs {
		for _, network := range []string{"udp ", "tcp "} {
			answer := p.ask(t, "brief-"+network+addr)
			if strings.Contains(answer, "timeout") {
				answer = "nothing"
			}
			got = append(got, answer)
		}
	}
	if all := slices.Compact(slices.Clone(got)); len(all) == 1 {
		return all[0]
	}
	return strings.Join(got, ", ")
}

// TestOutside has a machine behind the default routes ask, and a pod, while the routes change. The
// machine never gets an answer, the pod always does.
func TestOutside(t *testing.T) {
	netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	t.Cleanup(func() { netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0") })
	one, two := startPod(t, 1), startPod(t, 2)
	h := hold(t, linkLocal, clusterV6)
	intercept(t, h)
	here := []string{linkLocal + ":53", "[" + clusterV6 + "]:53"}
	for _, addr := range here {
		serve(t, addr, "ours")
	}
	wait := func(what string, p *child, want string) {
		t.Helper()
		testkit.Eventually(t, what, func() bool { return asks(t, p, here...) == want })
	}
	wait("without a default route, all are answered", one, "ours")
	for _, to := range []string{"via 10.1.0.2", "nexthop via 10.1.0.2 nexthop via 10.1.0.2 dev veth1 onlink"} {
		t.Log("default " + to)
		netns.Sh(t, "ip route add default "+to+"; ip -6 route add default via fd01::2")
		wait("a machine gets no answer", one, "nothing")
		wait("a pod does", two, "ours")
		netns.Sh(t, "ip route del default; ip -6 route del default; ip route add default via 10.2.0.2; ip -6 route add default via fd02::2")
		wait("the routes lead elsewhere", one, "ours")
		wait("to where pods were", two, "nothing")
		netns.Sh(t, "ip route del default; ip -6 route del default")
		wait("and nowhere", two, "ours")
	}
	netns.Sh(t, "ip route add default via 10.1.0.2 table 7; ip -6 route add unreachable default metric 9999")
	t.Cleanup(func() { netns.Sh(t, "ip route del default table 7; ip -6 route del unreachable default") })
	netns.Sh(t, "ip route add default via 10.2.0.2")
	t.Cleanup(func() { netns.Sh(t, "ip route del default") })
	wait("the routes lead elsewhere", two, "nothing")
	wait("a route of some addresses counts for nothing", one, "ours")
}

// TestOutsideGoesOn shows that queries of other machines go where kube-proxy sends them, as without
// us, and that they are answered if AnswerOutside says so.
func TestOutsideGoesOn(t *testing.T) {
	netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	t.Cleanup(func() { netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0") })
	machine, pod, dns := startPod(t, 1), startPod(t, 3), startPod(t, 2)
	netns.AddRules(t, kubeProxy)
	netns.Sh(t, "conntrack -F 2>/dev/null; ip route add default via 10.1.0.2; ip -6 route add default via fd01::2")
	t.Cleanup(func() { netns.Sh(t, "ip route del default; ip -6 route del default") })
	dns.must(t, "serve 10.2.0.2:53 theirs")
	dns.must(t, "serve [fd02::2]:53 theirs")
	here := []string{clusterIP + ":53", "[" + clusterV6 + "]:53"}
	for _, c := range []struct{ words, machine string }{{"", "theirs"}, {"outside", "ours"}} {
		t.Run(c.words, func(t *testing.T) {
			h := hold(t, append(strings.Fields(c.words), clusterIP, clusterV6)...)
			for _, addr := range here {
				serve(t, addr, "ours")
			}
			keep(t, h)
			if got := asks(t, machine, here...); got != c.machine {
				t.Errorf("a machine is answered %s, expected %s", got, c.machine)
			}
			if got := asks(t, pod, here...); got != "ours" {
				t.Errorf("a pod is answered %s", got)
			}
		})
		netns.Sh(t, "conntrack -F 2>/dev/null")
	}
}

// TestOutsideBridge shows that a pod is answered behind a bridge that the default route leads to too.
func TestOutsideBridge(t *testing.T) {
	one := startPod(t, 1)
	netns.Sh(t, "ip link add br0 type bridge; ip link set br0 up; ip addr flush dev veth1; ip link set veth1 master br0; ip addr add 10.1.0.1/24 dev br0; ip route add default via 10.1.0.2")
	t.Cleanup(func() { netns.Sh(t, "ip link del br0") })
	h := hold(t, linkLocal)
	intercept(t, h)
	serve(t, linkLocal+":53", "ours")
	testkit.Eventually(t, "what comes by the bridge is answered", func() bool { return asks(t, one, linkLocal+":53") == "ours" })
	if o, err := h.route.outside(); len(o.indexes) > 0 || fmt.Sprint(o.unsure) != "[br0]" || err != nil {
		t.Errorf("%+v, %v", o, err)
	}
}
