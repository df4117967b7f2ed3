package probe

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPacket writes packets and reads them again, whole, cut short, and with any byte wrong.
// TestProbe of package hostnet shows that the kernel takes them.
func TestPacket(t *testing.T) {
	for _, f := range []flow{
		{unix.IPPROTO_UDP, netip.MustParseAddrPort("169.254.253.1:49152"), netip.MustParseAddrPort("10.96.0.10:53")},
		{unix.IPPROTO_TCP, netip.MustParseAddrPort("[fd00::1]:49152"), netip.MustParseAddrPort("[fd00:96::a]:53")},
	} {
		segment := []byte{0xc0, 0, 0, 53, 0, 11, 0, 0, 'o', 'd', 'd'}
		p := f.packet(segment, 6)
		if got, ok := f.segment(p); !ok || string(got[8:]) != "odd" {
			t.Errorf("%v: %q, %v", f, got, ok)
		}
		if _, ok := f.reverse().segment(p); ok {
			t.Errorf("%v passes for an answer to itself", f)
		}
		if sum := finish(add(f.pseudo(len(segment)), p[len(p)-len(segment):])); sum != 0 {
			t.Errorf("%v: a receiver's sum is %#x, RFC 1071, section 1", f, sum)
		}
		for i := range p {
			f.segment(p[:i])
			f.refused(p[:i])
			for range 50 {
				bad := append([]byte(nil), p...)
				bad[i] = byte(rand.Uint32())
				f.segment(bad)
				f.refused(bad)
			}
		}
	}
}

// TestRefused reads ICMP errors, RFC 792 and RFC 4443: those that quote us, and others.
func TestRefused(t *testing.T) {
	to := netip.MustParseAddrPort("10.96.0.10:53")
	f := flow{unix.IPPROTO_UDP, netip.MustParseAddrPort("169.254.253.1:49152"), to}
	other := flow{unix.IPPROTO_UDP, netip.MustParseAddrPort("169.254.253.1:49153"), to}
	quote := func(kind byte, of flow, bytes int) []byte {
		p := of.packet([]byte{byte(of.from.Port() >> 8), byte(of.from.Port()), 0, 53, 0, 8, 0, 0}, 6)
		icmp := append([]byte{kind, 3, 0, 0, 0, 0, 0, 0}, p[:bytes]...)
		return flow{unix.IPPROTO_ICMP, to, f.from}.packet(icmp, 2)
	}
	for _, c := range []struct {
		what string
		p    []byte
		want bool
	}{
		{"destination unreachable", quote(3, f, 28), true},
		{"cut short", quote(3, f, 27), false},
		{"of an earlier probe", quote(3, other, 28), false},
		{"time exceeded", quote(11, f, 28), false},
	} {
		if _, got := f.refused(c.p); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
