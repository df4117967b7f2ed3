package hostnet

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// openFallback opens a Fallback for addresses. It is removed at the end of the test.
func openFallback(t *testing.T, addrs ...string) *Fallback {
	t.Helper()
	var list []netip.Addr
	for _, a := range addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	r, err := OpenFallback(list, 53)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		if err := RemoveFallback(); err != nil {
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

func fallbackTo(t *testing.T, r *Fallback, addrs ...string) {
	t.Helper()
	if err := r.Set(servers(addrs...)); err != nil {
		t.Fatal(err)
	}
}

// answers asks often, from a pod and from the host, and returns who answered.
func answers(t *testing.T, pod *child, addr string) string {
	t.Helper()
	netns.Sh(t, "conntrack -F 2>/dev/null") // what is tracked stays with its server, and ports are used again
	var seen [2]bool
	for range 16 {
		for _, network := range []string{"udp", "tcp"} {
			host, err := question(network, addr, patience)
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

// serverPods starts two pods with a DNS server, "two" and "three", and gives the node a default
// route, as every node has one.
func serverPods(t *testing.T) {
	t.Helper()
	for n, name := range map[int]string{2: "two", 3: "three"} {
		p := startPod(t, n)
		p.must(t, "serve "+netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 2}), 5353).String()+" "+name)
		p.must(t, "serve ["+map[int]string{2: "fd02::2", 3: "fd03::2"}[n]+"]:53 "+name)
	}
	netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; ip route add default via 10.2.0.2; ip -6 route add default via fd02::2")
	t.Cleanup(func() { exec.Command("sh", "-c", "ip route del default; ip -6 route del default").Run() })
}

// TestFallback shows for both families that queries reach the servers until a process intercepts
// them, and again when that process is killed.
func TestFallback(t *testing.T) {
	netns.AddRules(t, tracking)
	pod := startPod(t, 1)
	serverPods(t)
	before := node(t)
	r := openFallback(t, linkLocal, clusterV6)
	fallbackTo(t, r, "10.2.0.2:5353", "10.3.0.2:5353", "[fd02::2]:53", "[fd03::2]:53")
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
	netns.Sh(t, "conntrack -F 2>/dev/null")
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
	testkit.Within(t, time.Second, "the servers answer", func() bool { return pod.ask(t, "udp "+addrs[0]) != "ours" })
	want("killed", "two three")

	fallbackTo(t, r, "10.3.0.2:5353", "[fd03::2]:53")
	want("one is gone", "three")
	fallbackTo(t, r)
	want("all are gone", "three")
	if err := RemoveFallback(); err != nil {
		t.Error(err)
	}
	unchanged(t, before)
	if err := RemoveFallback(); err != nil {
		t.Errorf("without one: %v", err)
	}
}

// TestFallbackAfterProxy shows that kube-proxy still translates what it translates.
func TestFallbackAfterProxy(t *testing.T) {
	pod := startPod(t, 1)
	serverPods(t)
	r := openFallback(t, clusterIP)
	fallbackTo(t, r, "10.3.0.2:5353")
	if got := answers(t, pod, clusterIP+":53"); got != "three" {
		t.Errorf("alone: %s", got)
	}
	netns.AddRules(t, strings.ReplaceAll(kubeProxy, "dnat ip to 10.2.0.2", "dnat ip to 10.2.0.2:5353"))
	if got := answers(t, pod, clusterIP+":53"); got != "two" {
		t.Errorf("with kube-proxy: %s", got)
	}
}

// TestFallbackPut shows that the table is written if the servers have changed or the table is gone,
// and at no other time.
func TestFallbackPut(t *testing.T) {
	netns.AddRules(t, `table inet stranger {
	chain c { counter; }
}`)
	r := openFallback(t, linkLocal)
	handle := func() string { return netns.Sh(t, "nft -a list ruleset | grep 'dnat.*handle' || true") }
	fallbackTo(t, r, "10.2.0.2:53", "10.3.0.2:53")
	first := handle()
	fallbackTo(t, r, "10.3.0.2:53", "10.2.0.2:53")
	if handle() != first {
		t.Error("written again, though it is the same")
	}
	netns.Sh(t, "nft delete table inet neardns-fallback")
	r.looked = time.Time{}
	fallbackTo(t, r, "10.2.0.2:53", "10.3.0.2:53")
	if handle() == "" {
		t.Error("not put back")
	}
	if err := RemoveFallback(); err != nil || !strings.Contains(ruleset(t), "stranger") {
		t.Errorf("%v; %s", err, ruleset(t))
	}
}

// TestFallbackRefuse refuses servers that a pod's query can't be sent to.
func TestFallbackRefuse(t *testing.T) {
	r := openFallback(t, linkLocal)
	before := node(t)
	for _, bad := range []string{"127.0.0.1:53", "0.0.0.0:53", "[::1]:53", "[::]:53", "[::ffff:10.2.0.2]:53", "[fe80::1%eth0]:53",
		"224.0.0.251:53", "[ff02::fb]:53", linkLocal + ":53", "10.2.0.2:0"} {
		err := r.Set(servers("10.2.0.2:53", bad))
		if err == nil || !strings.HasPrefix(err.Error(), "fallback server "+bad+": a pod's query can't be sent to it; ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []netip.Addr{{}, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("8.8.8.8")} {
		if _, err := OpenFallback([]netip.Addr{bad}, 53); err == nil {
			t.Errorf("opened for %s", bad)
		}
	}
	if _, err := OpenFallback(nil, 53); err == nil || !strings.Contains(err.Error(), "-localip") {
		t.Errorf("opened for nothing: %v", err)
	}
	unchanged(t, before)
	if has, err := HasIPVS(); has || err != nil {
		t.Errorf("IPVS: %t, %v", has, err)
	}
	netns.Sh(t, "ip link add kube-ipvs0 type veth peer name other0")
	t.Cleanup(func() { netns.Sh(t, "ip link del kube-ipvs0") })
	if has, err := HasIPVS(); !has || err != nil {
		t.Errorf("IPVS: %t, %v", has, err)
	}
}

// wantFallback is the table for one address of each family, as nft lists it.
const wantFallback = `table inet neardns-fallback {
	chain prerouting {
		type nat hook prerouting priority dstnat + 1; policy accept;
RULES
	}

	chain output {
		type nat hook output priority -99; policy accept;
RULES
	}

	chain postrouting {
		type nat hook postrouting priority srcnat + 1; policy accept;
		meta l4proto udp meta nfproto ipv4 ct original ip daddr 169.254.20.10 ct original proto-dst 53 fib saddr type local masquerade
		meta l4proto tcp meta nfproto ipv4 ct original ip daddr 169.254.20.10 ct original proto-dst 53 fib saddr type local masquerade
		meta l4proto udp meta nfproto ipv6 ct original ip6 daddr fd00:96::a ct original proto-dst 53 fib saddr type local masquerade
		meta l4proto tcp meta nfproto ipv6 ct original ip6 daddr fd00:96::a ct original proto-dst 53 fib saddr type local masquerade
	}
}`

const wantFallbackRules = `		udp dport 53 ip daddr 169.254.20.10 numgen random mod 2 0 dnat ip to 10.2.0.2:53
		udp dport 53 ip daddr 169.254.20.10 numgen random mod 1 0 dnat ip to 10.3.0.2:5353
		tcp dport 53 ip daddr 169.254.20.10 numgen random mod 2 0 dnat ip to 10.2.0.2:53
		tcp dport 53 ip daddr 169.254.20.10 numgen random mod 1 0 dnat ip to 10.3.0.2:5353
		udp dport 53 ip6 daddr fd00:96::a numgen random mod 1 0 dnat ip6 to [fd02::2]:53
		tcp dport 53 ip6 daddr fd00:96::a numgen random mod 1 0 dnat ip6 to [fd02::2]:53`

// TestFallbackRuleset shows that the table is as it should be after a thousand changes.
func TestFallbackRuleset(t *testing.T) {
	netns.AddRules(t, stranger)
	before := ruleset(t)
	r := openFallback(t, linkLocal, clusterV6)
	for range 500 {
		fallbackTo(t, r, "[fd03::2]:53", "10.3.0.2:53")
		fallbackTo(t, r, "[fd02::2]:53", "10.3.0.2:5353", "10.2.0.2:53", "10.2.0.2:53")
	}
	want := before + "\n" + strings.ReplaceAll(wantFallback, "RULES", wantFallbackRules)
	if got := ruleset(t); squeeze(got) != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	netns.Sh(t, "nft list ruleset | nft -c -f -") // as it is saved and loaded
}

// TestFallbackFamilies shows that a family keeps its servers if the next list has none of it, and
// that an address without any server is an error.
func TestFallbackFamilies(t *testing.T) {
	r := openFallback(t, linkLocal, clusterV6)
	const want = "fallback of " + clusterV6 + ": no server has an address of its family; "
	for range 2 {
		if err := r.Set(servers("10.2.0.2:53")); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("IPv4 alone: %v", err)
		}
	}
	has := func(texts ...string) {
		t.Helper()
		rules := ruleset(t)
		for _, text := range texts {
			if !strings.Contains(rules, "to "+text) {
				t.Errorf("lacks %s:\n%s", text, rules)
			}
		}
		if n := strings.Count(rules, "dnat"); n != 4*len(texts) {
			t.Errorf("%d rules, want %d:\n%s", n, 4*len(texts), rules)
		}
	}
	has("10.2.0.2:53")
	fallbackTo(t, r, "[fd02::2]:53")
	has("10.2.0.2:53", "[fd02::2]:53")
	fallbackTo(t, r, "10.3.0.2:53")
	has("10.3.0.2:53", "[fd02::2]:53")
	fallbackTo(t, r)
	has("10.3.0.2:53", "[fd02::2]:53")
}

// TestFallbackSource has the host's default route lead to one pod, and its query go to another. That
// pod knows no way back but to the address of its own device. Reverse paths are filtered strictly.
func TestFallbackSource(t *testing.T) {
	netns.Sh(t, "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1")
	t.Cleanup(func() { netns.Sh(t, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0") })
	pod := startPod(t, 1)
	serverPods(t)
	far := startPod(t, 4)
	far.must(t, "sh ip route del default; ip -6 route del default; ip route add 10.1.0.0/24 via 10.4.0.1; ip -6 route add fd01::/64 via fd04::1")
	far.must(t, "serve 10.4.0.2:53 two")
	far.must(t, "serve [fd04::2]:53 two")
	r := openFallback(t, linkLocal, clusterV6)
	fallbackTo(t, r, "10.4.0.2:53", "[fd04::2]:53")
	for _, a := range []string{linkLocal + ":53", "[" + clusterV6 + "]:53"} {
		if got := answers(t, pod, a); got != "two" {
			t.Errorf("%s: %s", a, got)
		}
	}
}

// TestFallbackLoad shows that no query is lost while the servers change all the time.
func TestFallbackLoad(t *testing.T) {
	pod := startPod(t, 1)
	serverPods(t)
	r := openFallback(t, linkLocal, clusterV6)
	lists := [][]netip.AddrPort{servers("10.2.0.2:5353", "[fd02::2]:53"), servers("10.3.0.2:5353", "[fd03::2]:53")}
	if err := r.Set(lists[0]); err != nil {
		t.Fatal(err)
	}
	sets, done := 0, make(chan struct{})
	var all errgroup.Group
	all.Go(func() error {
		for ; ; sets++ {
			select {
			case <-done:
				return nil
			default:
			}
			if err := r.Set(lists[1-sets%2]); err != nil {
				return err
			}
		}
	})
	for start := time.Now(); time.Since(start) < 3*time.Second; {
		for _, a := range []string{linkLocal + ":53", "[" + clusterV6 + "]:53"} {
			if got := answers(t, pod, a); !strings.Contains("two three", got) {
				t.Errorf("%s: %s", a, got)
			}
		}
	}
	close(done)
	if err := all.Wait(); err != nil || sets < 20 {
		t.Errorf("%d times set, %v", sets, err)
	}
	t.Logf("%d times set", sets)
}

// TestFallbackTwo has two processes with the same addresses and the same servers. When both are
// killed, in either order, the servers answer.
func TestFallbackTwo(t *testing.T) {
	pod := startPod(t, 1)
	serverPods(t)
	t.Cleanup(func() {
		if err := RemoveFallback(); err != nil {
			t.Error(err)
		}
	})
	addrs := []string{linkLocal + ":53", "[" + clusterV6 + "]:53"}
	for first := range 2 {
		var both [2]*child
		for i := range both {
			both[i] = startChild(t, nil, "hold", linkLocal, clusterV6)
			if mode := both[i].ask(t, "open"); mode != "tun owned" {
				t.Fatal(mode)
			}
			both[i].must(t, "fallback 10.2.0.2:5353 10.3.0.2:5353 [fd02::2]:53 [fd03::2]:53")
			both[i].must(t, "intercept")
		}
		t.Run("", func(t *testing.T) {
			for _, a := range addrs {
				serve(t, a, "ours")
			}
			both[first].kill()
			both[1-first].must(t, "fallback 10.3.0.2:5353 [fd03::2]:53")
			for _, a := range addrs {
				both[1-first].must(t, "intercept")
				if got := answers(t, pod, a); got != "ours" {
					t.Errorf("one is left, %s: %s", a, got)
				}
			}
		})
		both[1-first].kill()
		testkit.Within(t, time.Second, "gone", func() bool { return !has(t, linkLocal) && !has(t, clusterV6) })
		for _, a := range addrs {
			if got := answers(t, pod, a); got != "three" {
				t.Errorf("none is left, %s: %s", a, got)
			}
		}
		if n := strings.Count(ruleset(t), "table "); n != 1 {
			t.Errorf("%d tables:\n%s", n, ruleset(t))
		}
	}
}
