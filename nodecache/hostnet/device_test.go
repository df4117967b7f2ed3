package hostnet

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/neardns/neardns/test/netns"
)

// TestAtOnce shows that the addresses get packets as soon as Open returns.
func TestAtOnce(t *testing.T) {
	for range 40 {
		c, _ := config(linkLocal, clusterV6)
		h, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, addr := range []string{linkLocal + ":53", "[" + clusterV6 + "]:53"} {
			if _, err := question("udp", addr, patience); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s, where nobody listens: %v", addr, err)
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoSource shows that the kernel never chooses one of the addresses for a source, not even for
// a device that has no address.
func TestNoSource(t *testing.T) {
	hold(t, clusterIP, clusterV6) // its device comes first where nothing else decides
	startPod(t, 1)
	netns.Sh(t, "ip link add bare0 type "+dummyKind()+"; ip link set bare0 up; ip route add 192.0.2.0/24 dev bare0; ip -6 route add 2001:db8::/64 dev bare0")
	t.Cleanup(func() { netns.Sh(t, "ip link del bare0") })
	for _, c := range []struct{ to, want string }{
		{"ip route get 192.0.2.1", "src 10.1.0.1"},
		{"ip -6 route get 2001:db8::1", "src fd01::1"},
	} {
		if got := netns.Sh(t, c.to); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.to, got, c.want)
		}
	}
}
