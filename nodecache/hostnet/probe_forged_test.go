package hostnet

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/test/netns"
)

// TestForged has a Pod send 3,000 packets a second that could pass for an answer to a probe, or push
// the answer out of the TUN's queue: ICMP errors, questions with the probe's address, and answers
// with the server's. Probes succeed all the same. Without rules, random ports and the drained TUN
// must be enough.
func TestForged(t *testing.T) {
	netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	t.Cleanup(func() { netns.Sh(t, "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0") })
	for _, with := range []string{"", "norules"} {
		for _, addr := range []string{linkLocal, clusterV6} {
			t.Run(addr+with, func(t *testing.T) {
				c := strings.Fields(addr + " " + with)
				h := hold(t, c...)
				p := startPod(t, 1)
				serve(t, netip.AddrPortFrom(netip.MustParseAddr(addr), 53).String(), "ours")
				in := &netns.Host{T: t, Path: fmt.Sprintf("/proc/%d/ns/net", p.cmd.Process.Pid)}
				for name, next := range forgeries(h, netip.MustParseAddr(addr)) {
					forged(t, h, in, addr, name, next)
				}
			})
		}
	}
}

func forged(t *testing.T, h *Host, in *netns.Host, addr, name string, next func() []byte) {
	family := unix.AF_INET6
	if strings.Contains(addr, ".") {
		family = unix.AF_INET
	}
	end := in.Flood(family, next)
	defer end()
	time.Sleep(time.Second) // as lies between two rounds
	to := netip.AddrPortFrom(netip.MustParseAddr(addr), 53).String()
	failed := 0
	for range 20 {
		if answer, err := both(h, to); answer != "ours" || err != nil {
			t.Logf("%s: %q, %v", name, answer, err)
			failed++
		}
	}
	if failed > 0 {
		t.Errorf("%s: %d of 20 probes failed", name, failed)
	}
}

// firstPort is the first of the ports that probes come from, see package probe.
const firstPort = 49152

// forgeries returns functions that make the packets, by what they make.
func forgeries(h *Host, addr netip.Addr) map[string]func() []byte {
	path, _ := h.path(addr)
	pod := netip.MustParseAddr("10.1.0.2")
	if addr.Is6() {
		pod = netip.MustParseAddr("fd01::2")
	}
	server, n := netip.AddrPortFrom(addr, 53), 0
	probe := func() netip.AddrPort { // at one of the ports that numbers in a row would begin with
		n++
		return netip.AddrPortFrom(path.From, uint16(firstPort+n%64))
	}
	return map[string]func() []byte{
		"port unreachable": func() []byte { return netns.Unreachable(pod, netns.UDP(probe(), server, []byte("question"))) },
		"question":         func() []byte { return netns.UDP(probe(), server, []byte("question")) },
		"answer":           func() []byte { return netns.UDP(server, probe(), []byte("question")) },
	}
}
