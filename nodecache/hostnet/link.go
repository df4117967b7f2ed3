package hostnet

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// link is a network device as the kernel lists it.
type link struct {
	index int
	name  string
	kind  string // such as "tun" or "dummy"; empty for most hardware
	mac   string // its octets
}

// links returns all devices by their indexes.
func (r route) links() (map[int]link, error) {
	found := map[int]link{}
	err := r.list(unix.RTM_GETLINK, &unix.IfInfomsg{}, unix.SizeofIfInfomsg, func(head []byte, ad *netlink.AttributeDecoder) {
		l := link{index: int(binary.NativeEndian.Uint32(head[4:]))} // ifi_index
		for ad.Next() {
			switch ad.Type() {
			case unix.IFLA_IFNAME:
				l.name = ad.String()
			case unix.IFLA_ADDRESS:
				l.mac = string(ad.Bytes())
			case unix.IFLA_LINKINFO:
				ad.Nested(l.readInfo)
			}
		}
		found[l.index] = l
	})
	return found, err
}

func (l *link) readInfo(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		if ad.Type() == unix.IFLA_INFO_KIND {
			l.kind = ad.String()
		}
	}
	return ad.Err()
}

// addLink adds a device of a kind. The kernel puts a number for the "%d" in name.
func (r route) addLink(name, kind, mac string) error {
	return r.set(unix.RTM_NEWLINK, netlink.Create|netlink.Excl, &unix.IfInfomsg{}, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.IFLA_IFNAME, name)
		ae.Bytes(unix.IFLA_ADDRESS, []byte(mac))
		ae.Nested(unix.IFLA_LINKINFO, func(ae *netlink.AttributeEncoder) error {
			ae.String(unix.IFLA_INFO_KIND, kind)
			return nil
		})
	})
}

// deleteLink deletes a device with its addresses and routes.
func (r route) deleteLink(index int) error {
	return r.set(unix.RTM_DELLINK, 0, &unix.IfInfomsg{Index: int32(index)}, noAttrs)
}

// setUp has a device carry packets. Before that it is kept from giving itself an IPv6
// link-local address and from looking for routers: nobody is behind it. An error of that is
// left out, because a kernel without IPv6 knows no such thing.
func (r route) setUp(index int) error {
	r.set(unix.RTM_NEWLINK, 0, &unix.IfInfomsg{Index: int32(index)}, func(ae *netlink.AttributeEncoder) {
		ae.Nested(unix.IFLA_AF_SPEC, func(ae *netlink.AttributeEncoder) error {
			ae.Nested(unix.AF_INET6, func(ae *netlink.AttributeEncoder) error {
				ae.Uint8(unix.IFLA_INET6_ADDR_GEN_MODE, inet6AddrGenModeNone)
				return nil
			})
			return nil
		})
	})
	up := unix.IfInfomsg{Index: int32(index), Flags: unix.IFF_UP, Change: unix.IFF_UP}
	return r.set(unix.RTM_NEWLINK, 0, &up, noAttrs)
}

// inet6AddrGenModeNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const inet6AddrGenModeNone = 1
