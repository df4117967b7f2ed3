package hostnet

import (
	"net"
	"testing"
	"time"

	"github.com/neardns/neardns/test/netns"
)

// half is a TCP connection on which half a question has been sent.
type half struct {
	net.Conn
	rest []byte
}

// halfAsk sends half a question.
func halfAsk(t *testing.T, addr string) half {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	h := half{c, frame("question")}
	h.more(t)
	return h
}

// more sends a byte of the rest.
func (h *half) more(t *testing.T) {
	t.Helper()
	if _, err := h.Write(h.rest[:1]); err != nil {
		t.Error(err)
	}
	h.rest = h.rest[1:]
}

// end sends the rest and returns the answer.
func (h *half) end() (string, error) {
	if _, err := h.Write(h.rest); err != nil {
		return "", err
	}
	return readFrame(h)
}

// proxied has a kube-proxy send queries to another server.
func proxied(t *testing.T) {
	t.Helper()
	netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; conntrack -F 2>/dev/null")
	other := startPod(t, 2)
	netns.AddRules(t, kubeProxy)
	netns.Sh(t, "ip route add default via 10.2.0.2; ip -6 route add default via fd02::2")
	t.Cleanup(func() { netns.Sh(t, "ip route del default; ip -6 route del default || true") })
	other.must(t, "serve 10.2.0.2:53 other")
	other.must(t, "serve [fd02::2]:53 other")
}

// eachAddr runs a test for each address.
func eachAddr(t *testing.T, test func(t *testing.T, addr string)) {
	for _, addr := range []string{linkLocal + ":53", clusterIP + ":53", "[" + clusterV6 + "]:53"} {
		t.Run(addr, func(t *testing.T) { test(t, addr) })
	}
}

// TestPassing begins interception in the middle of connections to a server that kube-proxy has
// chosen. They end where they began, and the next ones are ours.
func TestPassing(t *testing.T) {
	proxied(t)
	eachAddr(t, func(t *testing.T, addr string) {
		c := halfAsk(t, addr)
		h := hold(t, linkLocal, clusterIP, clusterV6)
		serve(t, addr, "ours")
		c.more(t)
		intercept(t, h)
		if answer, err := c.end(); answer != "other" || err != nil {
			t.Errorf("begun before: %q, %v", answer, err)
		}
		if answer, err := question("tcp", addr, patience); answer != "ours" {
			t.Errorf("begun later: %q, %v", answer, err)
		}
	})
}

// TestPassingBack ends interception in the middle of connections to us. They end here. The next ones
// go where kube-proxy sends them, and stay there when interception begins again.
func TestPassingBack(t *testing.T) {
	proxied(t)
	eachAddr(t, func(t *testing.T, addr string) {
		h := hold(t, linkLocal, clusterIP, clusterV6)
		serve(t, addr, "ours")
		for range 3 {
			intercept(t, h)
			ours := halfAsk(t, addr)
			if err := h.Release(); err != nil {
				t.Fatal(err)
			}
			ours.more(t)
			other := halfAsk(t, addr)
			intercept(t, h)
			if answer, err := ours.end(); answer != "ours" || err != nil {
				t.Errorf("begun while intercepted: %q, %v", answer, err)
			}
			if answer, err := other.end(); answer != "other" || err != nil {
				t.Errorf("begun while not intercepted: %q, %v", answer, err)
			}
		}
	})
}
