package world

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// long is a label of the greatest length.
func long() string { return strings.Repeat("x", 63) }

// namespaceNames are names that a resolver could take for something else.
func namespaceNames() []string {
	return []string{
		"default", "kube-system", "svc", "pod", "dns", "ns", "a", "b", "team-1",
		"in-addr", "cluster", "local", "tcp", "0", "1-2-3-4",
	}
}

// serviceNames are names that a resolver could take for something else. They may begin with a
// digit (KEP-5311).
func serviceNames() []string {
	return []string{
		"web", "db", "svc", "pod", "tcp", "udp", "pin", "prefer", "zone", "dns-version",
		"ns", "dns", "api", "cache", "cluster-a", "hostmaster", "a", "http", "web-0",
		"ip-10-96-0-1", "in-addr", "east", long(),
		"0", "9lives", "53", "1-2-3-4", "10-244-0-1", "fd00--1", "2001-db8--5", "1--0", "1-tcp",
	}
}

func hostnames() []string {
	return []string{"web-0", "web-1", "a", "svc", "tcp", "pin", "db-0", "http", "zone", "0", "10-244-0-1", "1--0", "h-" + strings.Repeat("y", 61)}
}

// zoneNames are topology zones: they may have dots and capitals.
func zoneNames() []string {
	return []string{"east-1a", "East-1B", "corp.example.com", "eu.West.1", "x"}
}

// addPool makes the few addresses that pods and endpoints share, among them
// every shape that IPv6 text has: with a gap at the start, the end, and none.
func (w *World) addPool() {
	for i := range 18 {
		text := fmt.Sprintf("10.244.%d.%d", w.rand.IntN(3), i+1)
		w.pool = append(w.pool, netip.MustParseAddr(text))
	}
	for i := range 6 {
		text := fmt.Sprintf("fd00:10:244:%x::%x", w.rand.IntN(3), i+1)
		w.pool = append(w.pool, netip.MustParseAddr(text))
	}
	for _, text := range []string{
		"172.16.0.1", "192.168.1.255", "0.0.0.1", "fd00:10:244::", "::5", "2001:db8:1:2:3:4:5:6",
		"2001:db8:0:1:1:1:1:1", "fd00::a:0:0:b", "fe80::1",
	} {
		w.pool = append(w.pool, netip.MustParseAddr(text))
	}
	for _, text := range []string{"10.250.0.1", "fd00:10:250::1"} {
		w.far = append(w.far, netip.MustParseAddr(text))
	}
}

// clusterIP hands out Service addresses, now and then one a second time.
func (w *World) clusterIP(family corev1.IPFamily) string {
	n := w.nextIP + 1
	if w.nextIP > 0 && w.chance(8) {
		n = w.rand.IntN(w.nextIP) + 1
	} else {
		w.nextIP++
	}
	if family == corev1.IPv6Protocol {
		return netip.MustParseAddr(fmt.Sprintf("fd00:10:96::%x", n*257)).String()
	}
	return netip.AddrFrom4([4]byte{10, 96 + byte(n%2), byte(n / 16), byte(n)}).String()
}

// address picks from a pool by family.
func (w *World) address(pool []netip.Addr, six bool) netip.Addr {
	for {
		if a := pick(w, pool...); a.Is6() == six {
			return a
		}
	}
}
