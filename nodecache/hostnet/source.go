package hostnet

import (
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// A probe's packet needs an address to come from. It must not be one of the node's, or the
// kernel drops the packet as a martian; the way to it must lead into our TUN, so that the
// answer comes there, and so that reverse path filters, rp_filter=1 and firewalls' fib
// expressions, find that the packet came in where the answer would go out; and two processes
// need two. So each TUN has routes to addresses of its own: for IPv4 of 169.254.253.0/24,
// which no router forwards (RFC 3927, section 7), and for IPv6 of a unique local /64 (RFC 4193).

// sourceTries is how many are tried: more than processes ever run at a time.
const sourceTries = 32

// ProbePrefixes returns where the addresses are that probes come from, on every node.
func ProbePrefixes() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(source4(0), 24).Masked(), netip.PrefixFrom(source6(0), 64).Masked()}
}

// source4 returns an IPv4 address to try, for any number.
func source4(n int) netip.Addr { return netip.AddrFrom4([4]byte{169, 254, 253, byte(1 + n%254)}) }

// source6 returns an IPv6 address to try. Its prefix spells the name of the program.
func source6(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfd, 'n', 'e', 'a', 'r', 'd', 'n', 's', 14: byte(n >> 8), 15: byte(n)})
}

// addSources finds an address of each family that addrs are of, and routes it into the device.
func (d *device) addSources(r route, addrs []netip.Addr) error {
	taken, err := r.addrs()
	if err != nil {
		return err
	}
	for _, at := range []func(int) netip.Addr{source4, source6} {
		if len(family(addrs, at(0).Is4())) == 0 {
			continue
		}
		a, err := d.addSource(r, at, taken)
		if err != nil {
			return err
		}
		d.sources = append(d.sources, a)
	}
	return nil
}

func (d *device) addSource(r route, at func(int) netip.Addr, taken []held) (netip.Addr, error) {
	for n := range sourceTries {
		a := at(d.index + n)
		if slices.ContainsFunc(taken, func(h held) bool { return h.addr == a }) {
			continue
		}
		if err := r.addRoute(d.index, a); !errors.Is(err, unix.EEXIST) {
			return a, err
		}
	}
	return netip.Addr{}, unix.EEXIST
}
