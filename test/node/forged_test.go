package node

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// forged shows that a Pod with raw sockets can't make the node cache give the queries back. The Pod
// sends packets that look as if a probe failed: "port unreachable" from its own address, and
// questions with the probe's address.
func forged(t *testing.T, w *world) {
	for _, f := range []forger{
		{unix.AF_INET, "169.254.253.", "10.244.1.2", [2]string{linkLocal, clusterIP}},
		{unix.AF_INET6, "fd6e:6561:7264:6e73::", "fd00:244:1::2", [2]string{linkLocal6, clusterIP6}},
	} {
		c := startCacheAt(t, f.servers[0]+","+f.servers[1])
		question := f.questions(probeSource(t, f.source))
		for name, next := range map[string]func() []byte{
			"port unreachable": func() []byte { return netns.Unreachable(netip.MustParseAddr(f.pod), question()) },
			"questions":        question,
		} {
			end := w.a.Flood(f.family, next)
			for began := time.Now(); time.Since(began) < 2*giveBack; time.Sleep(100 * time.Millisecond) { // between two looks
				if !intercepted(t) || !c.active() {
					t.Errorf("%s, %s: the queries are given back after %v", f.pod, name, time.Since(began).Round(time.Millisecond))
					break
				}
			}
			end()
			testkit.Eventually(t, "it intercepts", c.active)
		}
		if lines := c.Logged("self-check"); len(lines) > 0 {
			t.Errorf("it blames something: %s", lines)
		}
		c.Stop()
	}
}

// forger says what a Pod forges in one family.
type forger struct {
	family  int
	source  string // how the probe's address begins
	pod     string
	servers [2]string
}

// questions returns a function that makes questions with the source address of probes.
func (f forger) questions(source netip.Addr) func() []byte {
	n := 0
	return func() []byte {
		n++
		from := netip.AddrPortFrom(source, uint16(49152+n/2%500))
		to := netip.AddrPortFrom(netip.MustParseAddr(f.servers[n%2]), 53)
		return netns.UDP(from, to, []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03"))
	}
}

// probeSource returns the source address of the node cache's probes, which begins with prefix.
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
