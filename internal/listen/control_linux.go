package listen

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control is room for the one control message that names the address asked: IP_PKTINFO with
// an in_pktinfo, or IPV6_PKTINFO with an in6_pktinfo (ip(7), RFC 3542 section 6.2).
type control struct {
	_   [0]uint64 // cmsghdr's alignment
	raw [controlRoom]byte
}

// controlRoom is CMSG_SPACE(sizeof(struct in6_pktinfo)).
const controlRoom = unix.SizeofCmsghdr + (unix.SizeofInet6Pktinfo+7)&^7

// data returns the message's content. Headers are multiples of 8 long where pointers are,
// and the content follows at once.
func (c *control) data() unsafe.Pointer { return unsafe.Pointer(&c.raw[unix.SizeofCmsghdr]) }

func (c *control) header() *unix.Cmsghdr { return (*unix.Cmsghdr)(unsafe.Pointer(&c.raw[0])) }

// local returns the address that was asked.
func (c *control) local() netip.Addr {
	if c.header().Level == unix.IPPROTO_IP {
		return netip.AddrFrom4((*unix.Inet4Pktinfo)(c.data()).Spec_dst)
	}
	return netip.AddrFrom16((*unix.Inet6Pktinfo)(c.data()).Addr)
}

// turn makes what came with a query fit for its answer: the same address, as the source,
// over whichever device the route takes. Link-local addresses keep theirs.
func (c *control) turn() {
	if c.header().Level == unix.IPPROTO_IP {
		(*unix.Inet4Pktinfo)(c.data()).Ifindex = 0
		return
	}
	if info := (*unix.Inet6Pktinfo)(c.data()); !netip.AddrFrom16(info.Addr).IsLinkLocalUnicast() {
		info.Ifindex = 0
	}
}
