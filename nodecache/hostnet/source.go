package hostnet

import "net/netip"

// A probe's packet needs a source address.
//
// It must not be an address of the node, or the kernel drops the packet as a martian. The route to
// it must lead into our TUN, for two reasons: the answer arrives there, and filters of reverse paths
// (rp_filter=1, firewalls' fib expressions) see that a packet came in by the device that its answer
// leaves by. And two processes need two addresses.
//
// So each TUN gets routes to addresses of its own: for IPv4 from 169.254.253.0/24, which no router
// forwards (RFC 3927, section 7), for IPv6 from a unique local /64 (RFC 4193).

// sourceTries is how many addresses we try. It is more than processes ever run at a time.
const sourceTries = 32

// ProbePrefixes returns the prefixes that probes come from, the same on every node.
func ProbePrefixes() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(source4(0), 24).Masked(), netip.PrefixFrom(source6(0), 64).Masked()}
}

// source4 returns an IPv4 address to try, for any number.
func source4(n int) netip.Addr { return netip.AddrFrom4([4]byte{169, 254, 253, byte(1 + n%254)}) }

// source6 returns an IPv6 address to try. Its prefix spells the name of the program.
func source6(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfd, 'n', 'e', 'a', 'r', 'd', 'n', 's', 14: byte(n >> 8), 15: byte(n)})
}
