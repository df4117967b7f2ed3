package run

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/neardns/neardns/test/differential/peer"
)

// Addr returns a loopback address whose port is free for UDP and TCP.
func Addr(t testing.TB) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port(t))
}

// Port returns a port that is free for UDP and TCP on all addresses.
func Port(t testing.TB) uint16 {
	t.Helper()
	ports, err := peer.Ports(1)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(ports[0])
}

// Eventually fails the test if a condition is not met in time.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// Equal fails the test, and goes on, if two values differ in how they are written.
func Equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
