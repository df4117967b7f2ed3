package hostnet

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestPassing has interception begin in the middle of connections to a server that kube-proxy
// has chosen: they end where they began, and the next are ours.
func TestPassing(t *testing.T) {
	sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; conntrack -F 2>/dev/null")
	other := startPod(t, 2)
	addRules(t, kubeProxy)
	sh(t, "ip route add default via 10.2.0.2; ip -6 route add default via fd02::2")
	t.Cleanup(func() { sh(t, "ip route del default; ip -6 route del default || true") })
	other.must(t, "serve 10.2.0.2:53 other")
	other.must(t, "serve [fd02::2]:53 other")
	for _, addr := range []string{linkLocal + ":53", clusterIP + ":53", "[" + clusterV6 + "]:53"} {
		t.Run(addr, pass(addr))
	}
}

func pass(addr string) func(*testing.T) {
	return func(t *testing.T) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(2 * time.Second))
		h := hold(t, linkLocal, clusterIP, clusterV6)
		serve(t, addr, "ours")
		query := frame("question")
		_, err = c.Write(query[:3])
		intercept(t, h)
		_, err2 := c.Write(query[3:])
		answer, err3 := readFrame(c)
		if err := errors.Join(err, err2, err3); answer != "other" || err != nil {
			t.Errorf("begun before: %q, %v", answer, err)
		}
		if answer, err := question("tcp", addr, time.Second); answer != "ours" {
			t.Errorf("begun later: %q, %v", answer, err)
		}
	}
}
