package hostnet

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

// probeUDP asks over UDP and returns the answer without its ID.
func probeUDP(h *Host, addr string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	answer, err := h.Probe(ctx, []byte("question"), netip.MustParseAddrPort(addr))
	return string(answer[min(len(answer), idLen):]), err
}

func probeTCP(h *Host, addr string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	answer, err := h.ProbeTCP(ctx, []byte("question"), netip.MustParseAddrPort(addr))
	return string(answer), err
}

// both asks over UDP and TCP, and returns one answer if they agree.
func both(h *Host, addr string) (string, error) {
	one, err := probeUDP(h, addr, patience)
	two, err2 := probeTCP(h, addr, patience)
	if one != two {
		return one + " over UDP, " + two + " over TCP", errors.Join(err, err2)
	}
	return one, errors.Join(err, err2)
}

// kubeProxy sends packets for the addresses to pod number 2, before they are routed.
const kubeProxy = `
table inet kube-proxy {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr { 169.254.20.10, 10.96.0.10 } meta l4proto { tcp, udp } dnat ip to 10.2.0.2
		ip6 daddr fd00:96::a meta l4proto { tcp, udp } dnat ip6 to fd02::2
	}
	chain output {
		type nat hook output priority -100; policy accept;
		ip daddr { 169.254.20.10, 10.96.0.10 } meta l4proto { tcp, udp } dnat ip to 10.2.0.2
		ip6 daddr fd00:96::a meta l4proto { tcp, udp } dnat ip6 to fd02::2
	}
}`

// TestProbe shows that probes reach us at addresses whose queries kube-proxy would send elsewhere,
// intercepted or not, where reverse paths are filtered strictly.
func TestProbe(t *testing.T) {
	netns.AddRules(t, kubeProxy)
	netns.Sh(t, "conntrack -F 2>/dev/null") // of tests before
	netns.Sh(t, "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1")
	t.Cleanup(func() { netns.Sh(t, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0") })
	netns.AddRules(t, `table inet rpfilter {
	chain prerouting {
		type filter hook prerouting priority raw + 10; policy accept;
		meta nfproto ipv6 fib saddr . iif oif missing counter drop
	}
}`)
	h := hold(t, linkLocal, clusterIP, clusterV6)
	for _, addr := range []string{linkLocal + ":53", clusterIP + ":53", "[" + clusterV6 + "]:53"} {
		serve(t, addr, "ours")
		for _, when := range []string{"before Intercept", "after Intercept", "after Release"} {
			switch when {
			case "after Intercept":
				intercept(t, h)
			case "after Release":
				h.Release()
			}
			for range 20 {
				if answer, err := both(h, addr); answer != "ours" || err != nil {
					t.Errorf("%s, %s: %q, %v", addr, when, answer, err)
				}
			}
		}
	}
	if entries := tracked(t); entries != "" {
		t.Errorf("tracked:\n%s", entries)
	}
}

// TestProbeNobody asks where nobody listens, at an address of a family that we don't have, and
// without a TUN.
func TestProbeNobody(t *testing.T) {
	h := hold(t, linkLocal, "fd00:96::a")
	for _, addr := range []string{linkLocal + ":53", "[fd00:96::a]:53"} {
		for _, ask := range []func(*Host, string, time.Duration) (string, error){probeUDP, probeTCP} {
			if _, err := ask(h, addr, patience); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: %v", addr, err)
			}
		}
	}
	h = hold(t, "10.96.0.11")
	if _, err := probeUDP(h, "[fd00:96::a]:53", patience); err == nil || !strings.Contains(err.Error(), "family") {
		t.Errorf("IPv6 from IPv4: %v", err)
	}
	h = hold(t, "10.96.0.12", "nodevice")
	if _, err := probeUDP(h, "10.96.0.12:53", patience); !errors.Is(err, ErrNoPath) {
		t.Errorf("without a device: %v", err)
	}
}

// TestProbeFirewall shows that a probe finds out what the host's firewall does to pods, where a query
// over loopback finds nothing wrong.
func TestProbeFirewall(t *testing.T) {
	h := hold(t, linkLocal, clusterV6)
	for _, addr := range []string{linkLocal + ":53", "[" + clusterV6 + "]:53"} {
		serve(t, addr, "ours")
		netns.AddRules(t, `
table inet firewall {
	chain input {
		type filter hook input priority filter; policy drop;
		iif lo accept
	}
}`)
		for _, ask := range []func(*Host, string, time.Duration) (string, error){probeUDP, probeTCP} {
			if answer, err := ask(h, addr, impatience); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %q, %v", addr, answer, err)
			}
		}
		if answer, err := question("udp", addr, patience); answer != "ours" {
			t.Errorf("%s over loopback: %v", addr, err)
		}
		netns.Sh(t, "nft flush table inet firewall; nft 'add chain inet firewall input { policy accept; }'; nft add rule inet firewall input iifname != lo reject")
		for _, ask := range []func(*Host, string, time.Duration) (string, error){probeUDP, probeTCP} {
			if answer, err := ask(h, addr, patience); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s, rejected: %q, %v", addr, answer, err)
			}
		}
		netns.Sh(t, "nft delete table inet firewall")
		if answer, err := both(h, addr); answer != "ours" || err != nil {
			t.Errorf("%s without a firewall: %q, %v", addr, answer, err)
		}
	}
}

// TestProbeLate has an answer come after its probe has given up. The next probe gets its own answer.
func TestProbeLate(t *testing.T) {
	h := hold(t, linkLocal)
	addr := linkLocal + ":53"
	server := startGate(t, addr)
	if _, err := probeUDP(h, addr, impatience); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	<-server.asked
	server.answer <- struct{}{}
	<-server.answered           // now the answer lies in the device
	server.answer <- struct{}{} // to the next
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := h.Probe(ctx, []byte("another"), netip.MustParseAddrPort(addr))
	if string(answer) != "another" {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestProbeMany has many ask at a time, while the device is deleted and made again.
func TestProbeMany(t *testing.T) {
	h := hold(t, linkLocal)
	serve(t, linkLocal+":53", "ours")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				probeUDP(h, linkLocal+":53", impatience)
				probeTCP(h, linkLocal+":53", impatience)
			}
		})
	}
	for range 3 {
		time.Sleep(10 * time.Millisecond) // to delete it between two probes
		netns.Sh(t, "ip link del neardns0 2>/dev/null || true")
	}
	all.Wait()
	testkit.Eventually(t, "probe", func() bool {
		answer, _ := both(h, linkLocal+":53")
		return answer == "ours"
	})
}

// TestProbeCPU shows that of sockets that share a port, a probe reaches the one of the CPU that its
// thread is tied to: the kernel delivers a packet on the CPU of who writes it to the TUN.
func TestProbeCPU(t *testing.T) {
	cpus := allowedCPUs(t)
	h := hold(t, linkLocal)
	for _, cpu := range cpus {
		serveCPU(t, linkLocal+":53", cpu)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	unix.SchedGetaffinity(0, &before)
	defer unix.SchedSetaffinity(0, &before)
	for range 20 {
		for _, cpu := range cpus {
			var one unix.CPUSet
			one.Set(cpu)
			if err := unix.SchedSetaffinity(0, &one); err != nil {
				t.Fatal(err)
			}
			if answer, err := probeUDP(h, linkLocal+":53", patience); answer != cpuName(cpu) {
				t.Fatalf("on CPU %d: answer of %q, %v", cpu, answer, err)
			}
		}
	}
}
