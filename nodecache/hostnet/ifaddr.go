package hostnet

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// held is an address of this node and the device that holds it.
type held struct {
	addr  netip.Addr
	index int
}

// addrs returns all addresses of the node.
func (r route) addrs() (found []held, err error) {
	err = r.list(unix.RTM_GETADDR, &unix.IfAddrmsg{}, unix.SizeofIfAddrmsg, func(head []byte, ad *netlink.AttributeDecoder) {
		h := held{index: int(binary.NativeEndian.Uint32(head[4:]))} // ifa_index
		local := false
		for ad.Next() {
			// IFA_ADDRESS is the other end where there is one, and then IFA_LOCAL is ours.
			if ad.Type() == unix.IFA_LOCAL || ad.Type() == unix.IFA_ADDRESS && !local {
				local = ad.Type() == unix.IFA_LOCAL
				h.addr, _ = netip.AddrFromSlice(ad.Bytes())
			}
		}
		found = append(found, h)
	})
	return found, err
}

// infinity is INFINITY_LIFE_TIME of the kernel's net/addrconf.h.
const infinity = 0xffffffff

// addAddr gives a device an address for a number of seconds. If the device has it, its time
// begins anew.
//
// It is not one to send from unless asked to: scope host, and for IPv6, where the kernel sets
// the scope, a preferred lifetime of 0 (RFC 6724, section 5, rule 3). Cilium, too, takes no
// address of this scope for one of the node's.
func (r route) addAddr(index int, a netip.Addr, seconds uint32) error {
	head := unix.IfAddrmsg{Family: familyOf(a), Prefixlen: uint8(a.BitLen()), Scope: unix.RT_SCOPE_HOST, Index: uint32(index)}
	life, err := binary.Append(nil, binary.NativeEndian, &unix.IfaCacheinfo{Prefered: 0, Valid: seconds})
	if err != nil {
		return err
	}
	return r.set(unix.RTM_NEWADDR, netlink.Create|netlink.Replace, &head, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.IFA_LOCAL, a.AsSlice())
		ae.Bytes(unix.IFA_ADDRESS, a.AsSlice())
		// NODAD: it answers at once, and others may hold it too. NOPREFIXROUTE: it is no network.
		ae.Uint32(unix.IFA_FLAGS, unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
		ae.Bytes(unix.IFA_CACHEINFO, life)
	})
}
