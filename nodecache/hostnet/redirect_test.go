package hostnet

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// redirect opens a Redirect for the addresses, which goes with the test.
func redirect(t *testing.T, addrs ...string) *Redirect {
	t.Helper()
	var list []netip.Addr
	for _, a := range addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	r, err := OpenRedirect(list, 53)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		if err := RemoveRedirect(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func servers(addrs ...string) (list []netip.AddrPort) {
	for _, a := range addrs {
		list = append(list, netip.MustParseAddrPort(a))
	}
	return list
}

func redirectTo(t *testing.T, r *Redirect, addrs ...string) {
	t.Helper()
	if err := r.Set(servers(addrs...)); err != nil {
		t.Fatal(err)
	}
}

// answers asks often, from a pod and from the host, and returns who answered.
func answers(t *testing.T, pod *child, addr string) string {
	t.Helper()
	var seen [2]bool
	for range 16 {
		for _, network := range []string{"udp", "tcp"} {
			host, err := question(network, addr, time.Second)
			if err != nil {
				return "host, " + network + ": " + err.Error()
			}
			for _, answer := range []string{pod.ask(t, network+" "+addr), host} {
				switch answer {
				case "two":
					seen[0] = true
				case "three":
					seen[1] = true
				default:
					return answer
				}
			}
		}
	}
	return strings.TrimSpace(map[bool]string{true: "two "}[seen[0]] + map[bool]string{true: "three"}[seen[1]])
}

// serverPods starts two pods with a DNS server, "two" and "three", and gives the node a
// default route, as any has.
func serverPods(t *testing.T) {
	t.Helper()
	for n, name := range map[int]string{2: "two", 3: "three"} {
		p := startPod(t, n)
		p.must(t, "serve "+netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 2}), 5353).String()+" "+name)
		p.must(t, "serve ["+map[int]string{2: "fd02::2", 3: "fd03::2"}[n]+"]:53 "+name)
	}
	sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; ip route add default via 10.2.0.2; ip -6 route add default via fd02::2")
	t.Cleanup(func() { exec.Command("sh", "-c", "ip route del default; ip -6 route del default").Run() })
}

// TestRedirect has the addresses lead to servers, in both families, until a process takes
// them, and again when it is killed.
func TestRedirect(t *testing.T) {
	addRules(t, tracking)
	pod := startPod(t, 1)
	serverPods(t)
	before := node(t)
	r := redirect(t, linkLocal, clusterV6)
	redirectTo(t, r, "10.2.0.2:5353", "10.3.0.2:5353", "[fd02::2]:53", "[fd03::2]:53")
	addrs := []string{linkLocal + ":53", "[" + clusterV6 + "]:53"}
	want := func(when, want string) {
		t.Helper()
		for _, a := range addrs {
			if got := answers(t, pod, a); got != want {
				t.Errorf("%s, %s: %q answered, want %q", when, a, got, want)
			}
		}
	}
	want("without a cache", "two three")

	cache := startChild(t, nil, "hold", linkLocal, clusterV6)
	if mode := cache.ask(t, "open"); mode != "tun owned" {
		t.Fatal(mode)
	}
	for _, a := range addrs {
		serve(t, a, "ours")
	}
	want("before it intercepts", "two three")
	sh(t, "conntrack -F 2>/dev/null")
	for range 20 { // anew, for 3 s pass soon
		cache.must(t, "intercept")
		for _, a := range addrs {
			if got := pod.ask(t, "udp "+a); got != "ours" {
				t.Errorf("intercepted, %s: %s", a, got)
			}
		}
	}
	if entries := tracked(t); entries != "" {
		t.Errorf("tracked:\n%s", entries)
	}
	cache.kill()
	eventually(t, time.Second, "the servers answer", func() bool { return pod.ask(t, "udp "+addrs[0]) != "ours" })
	want("killed", "two three")

	redirectTo(t, r, "10.3.0.2:5353", "[fd03::2]:53")
	want("one is gone", "three")
	redirectTo(t, r)
	want("all are gone", "three")
	if err := RemoveRedirect(); err != nil {
		t.Error(err)
	}
	unchanged(t, before)
	if err := RemoveRedirect(); err != nil {
		t.Errorf("without one: %v", err)
	}
}

// TestRedirectAfterProxy leaves alone what kube-proxy translates.
func TestRedirectAfterProxy(t *testing.T) {
	pod := startPod(t, 1)
	serverPods(t)
	r := redirect(t, clusterIP)
	redirectTo(t, r, "10.3.0.2:5353")
	if got := answers(t, pod, clusterIP+":53"); got != "three" {
		t.Errorf("alone: %s", got)
	}
	addRules(t, strings.ReplaceAll(kubeProxy, "dnat ip to 10.2.0.2", "dnat ip to 10.2.0.2:5353"))
	if got := answers(t, pod, clusterIP+":53"); got != "two" {
		t.Errorf("with kube-proxy: %s", got)
	}
}

// TestRedirectPut writes the table when it has changed, or is gone, and at no other time.
func TestRedirectPut(t *testing.T) {
	addRules(t, `table inet stranger {
	chain c { counter; }
}`)
	r := redirect(t, linkLocal)
	handle := func() string { return sh(t, "nft -a list tables | grep neardns || true") }
	redirectTo(t, r, "10.2.0.2:53", "10.3.0.2:53")
	first := handle()
	redirectTo(t, r, "10.3.0.2:53", "10.2.0.2:53")
	if handle() != first {
		t.Error("written again, though it is the same")
	}
	sh(t, "nft delete table inet neardns-fallback")
	r.looked = time.Time{}
	redirectTo(t, r, "10.2.0.2:53", "10.3.0.2:53")
	if handle() == "" {
		t.Error("not put back")
	}
	if err := RemoveRedirect(); err != nil || !strings.Contains(ruleset(t), "stranger") {
		t.Errorf("%v; %s", err, ruleset(t))
	}
}

// TestRedirectRefuse wants servers that a pod's query can be sent to.
func TestRedirectRefuse(t *testing.T) {
	r := redirect(t, linkLocal)
	before := node(t)
	for _, bad := range []string{"127.0.0.1:53", "0.0.0.0:53", "[::1]:53", linkLocal + ":53", "10.2.0.2:0"} {
		err := r.Set(servers("10.2.0.2:53", bad))
		if err == nil || !strings.HasPrefix(err.Error(), "fallback server "+bad+": not one that a pod's query can be sent to; ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	unchanged(t, before)
	if has, err := HasIPVS(); has || err != nil {
		t.Errorf("IPVS: %t, %v", has, err)
	}
	sh(t, "ip link add kube-ipvs0 type veth peer name other0")
	t.Cleanup(func() { sh(t, "ip link del kube-ipvs0") })
	if has, err := HasIPVS(); !has || err != nil {
		t.Errorf("IPVS: %t, %v", has, err)
	}
}
