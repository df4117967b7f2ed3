package node

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// forged shows that a Pod with raw sockets can't have the node cache give up the queries by what
// looks like a bad end of its probes: "port unreachable" from the Pod's own address, and
// questions with the probe's.
func forged(t *testing.T, w *world) {
	c := startCache(t)
	defer c.Stop()
	for _, f := range []struct {
		family       int
		source, pod  string
		server, also string
	}{
		{unix.AF_INET, "169.254.253.", "10.244.1.2", linkLocal, clusterIP},
		{unix.AF_INET6, "fd6e:6561:7264:6e73::", "fd00:244:1::2", linkLocal6, clusterIP6},
	} {
		source, pod := probeSource(t, f.source), netip.MustParseAddr(f.pod)
		servers := []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(f.server), 53), netip.AddrPortFrom(netip.MustParseAddr(f.also), 53)}
		n := 0
		question := func() []byte {
			n++
			from := netip.AddrPortFrom(source, uint16(49152+n/2%500)) // #nosec G115 -- as probes may come from
			return netns.UDP(from, servers[n%2], []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03"))
		}
		for name, next := range map[string]func() []byte{
			"port unreachable": func() []byte { return netns.Unreachable(pod, question()) },
			"questions":        question,
		} {
			end := w.a.Flood(f.family, next)
			for began := time.Now(); time.Since(began) < 2*giveBack; time.Sleep(100 * time.Millisecond) {
				if !intercepted(t) || !c.active() {
					t.Errorf("%s, %s: the queries are given back after %v", f.server, name, time.Since(began).Round(time.Millisecond))
					break
				}
			}
			end()
			run.Eventually(t, giveBack, "it intercepts", c.active)
		}
	}
	if lines := c.Logged("self-check"); len(lines) > 0 {
		t.Errorf("it blames something: %s", lines)
	}
}

// probeSource returns the address of the node cache's probes that begins with prefix.
func probeSource(t *testing.T, prefix string) netip.Addr {
	t.Helper()
	for word := range strings.FieldsSeq(netns.Sh(t, "ip route show table main; ip -6 route show table main")) {
		if strings.HasPrefix(word, prefix) {
			return netip.MustParseAddr(strings.TrimSuffix(word, "/128"))
		}
	}
	t.Fatalf("no route to %s", prefix)
	return netip.Addr{}
}
