package hostnet

import (
	"strings"
	"testing"

	"github.com/neardns/neardns/test/netns"
)

// tracking is rules that have connections tracked, as on every node with kube-proxy.
const tracking = `
table inet tracking {
	chain input { type filter hook input priority filter; policy accept; ct state established accept; }
	chain output { type filter hook output priority filter; policy accept; ct state established accept; }
}`

// tracked returns the entries of connection tracking for port 53 or 8080.
func tracked(t *testing.T) string {
	t.Helper()
	var found []string
	for _, family := range []string{"ipv4", "ipv6"} {
		for line := range strings.Lines(netns.Sh(t, "conntrack -L -f "+family+" 2>/dev/null")) {
			if strings.Contains(line, "port=53 ") || strings.Contains(line, "port=8080 ") {
				found = append(found, line)
			}
		}
	}
	return strings.Join(found, "")
}

// ours returns everything that a pod and the host ask in these tests.
func ours() (addrs []string) {
	for _, a := range []string{linkLocal, clusterIP, "[" + clusterV6 + "]"} {
		addrs = append(addrs, "udp "+a+":53", "tcp "+a+":53", "tcp "+a+":8080")
	}
	return addrs
}

// TestNoTrack shows that queries of a pod and of the host leave no entry in connection tracking while
// they are intercepted, and leave some while they are not.
func TestNoTrack(t *testing.T) {
	netns.AddRules(t, tracking)
	pod := startPod(t, 1)
	h := hold(t, linkLocal, clusterIP, clusterV6, "health")
	for _, a := range []string{linkLocal, clusterIP, "[" + clusterV6 + "]"} {
		serve(t, a+":53", "ours")
		serve(t, a+":8080", "ours")
	}
	// Queries that are not intercepted are tracked. Their answers are not: those rules are there.
	askAll(t, pod, "ours")
	for _, a := range []string{linkLocal, clusterIP, clusterV6} {
		for _, port := range []string{"53", "8080"} {
			if !strings.Contains(tracked(t), "dst="+a+" ") || !strings.Contains(tracked(t), "dport="+port+" ") {
				t.Errorf("%s port %s is not tracked anyway, so that the test shows nothing", a, port)
			}
		}
	}
	keep(t, h)
	netns.Sh(t, "conntrack -F 2>/dev/null")
	for range 20 {
		askAll(t, pod, "ours")
	}
	if entries := tracked(t); entries != "" {
		t.Errorf("tracked:\n%s", entries)
	}
}

// askAll has the pod and the host ask everything once.
func askAll(t *testing.T, pod *child, want string) {
	t.Helper()
	for _, q := range ours() {
		if answer := pod.ask(t, q); answer != want {
			t.Fatalf("pod, %s: %s, want %s", q, answer, want)
		}
		network, addr, _ := strings.Cut(q, " ")
		if answer, err := question(network, addr, patience); answer != want {
			t.Fatalf("host, %s: %q, %v, want %s", q, answer, err, want)
		}
	}
}

// TestSteps goes through all steps of a Host beside a kube-proxy, which sends queries that are not
// intercepted to the server in pod number 2.
func TestSteps(t *testing.T) {
	netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	pod, other := startPod(t, 1), startPod(t, 2)
	netns.Sh(t, "ip route add default via 10.2.0.2; ip -6 route add default via fd02::2") // for the host itself
	netns.AddRules(t, kubeProxy)
	for _, a := range []string{"10.2.0.2", "[fd02::2]"} {
		other.must(t, "serve "+a+":53 other")
		other.must(t, "serve "+a+":8080 other")
	}
	askAll(t, pod, "other")
	c, _ := config(linkLocal, clusterIP, clusterV6, "health")
	h, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("", func(t *testing.T) {
		for _, a := range []string{linkLocal, clusterIP, "[" + clusterV6 + "]"} {
			serve(t, a+":53", "ours")
			serve(t, a+":8080", "ours")
		}
		askAll(t, pod, "other")
		stop := keep(t, h)
		askAll(t, pod, "ours")
		stop()
		if err := h.Release(); err != nil {
			t.Fatal(err)
		}
		askAll(t, pod, "other")
	})
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	askAll(t, pod, "other")
}

// TestDrain releases interception while a pod waits for an answer. The pod gets it.
func TestDrain(t *testing.T) {
	netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	pod := startPod(t, 1)
	netns.AddRules(t, kubeProxy)
	h := hold(t, linkLocal, clusterIP, clusterV6)
	for _, addr := range []string{clusterIP + ":53", "[" + clusterV6 + "]:53"} {
		server := startGate(t, addr)
		intercept(t, h)
		answer := make(chan string, 1)
		go func() { answer <- pod.ask(t, "udp "+addr) }()
		<-server.asked
		if err := h.Release(); err != nil {
			t.Fatal(err)
		}
		server.answer <- struct{}{}
		if got := <-answer; got != "estion" { // without its ID
			t.Errorf("%s: %s", addr, got)
		}
	}
}
