package hostnet

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// route is a socket of rtnetlink(7): devices, addresses and routes.
type route struct{ *netlink.Conn }

// openRoute opens a socket that hears the events of groups, a bit mask.
func openRoute(groups uint32) (route, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups})
	if err != nil {
		return route{}, explain("rtnetlink", err)
	}
	_ = c.SetOption(netlink.ExtendedAcknowledge, true) // words beside an errno, since Linux 4.12
	return route{c}, nil
}

// attrs adds attributes to a message.
type attrs func(*netlink.AttributeEncoder)

func noAttrs(*netlink.AttributeEncoder) {}

// set changes one thing. head is the structure that the message begins with.
func (r route) set(typ uint16, flags netlink.HeaderFlags, head any, fill attrs) error {
	_, err := r.send(typ, netlink.Acknowledge|flags, head, fill)
	return err
}

// send sends a message and returns the answers.
func (r route) send(typ uint16, flags netlink.HeaderFlags, head any, fill attrs) ([]netlink.Message, error) {
	data, err := binary.Append(nil, binary.NativeEndian, head)
	if err != nil {
		return nil, err
	}
	ae := netlink.NewAttributeEncoder()
	fill(ae)
	tail, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	return r.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(typ), Flags: netlink.Request | flags},
		Data:   append(data, tail...),
	})
}

// list calls each for all objects of a kind: with the structure of size bytes that the message
// begins with, and with the attributes.
func (r route) list(typ uint16, head any, size int, each func(head []byte, attrs *netlink.AttributeDecoder)) error {
	found, err := r.send(typ, netlink.Dump, head, noAttrs)
	if err != nil {
		return err
	}
	for _, m := range found {
		if len(m.Data) < size {
			continue
		}
		attrs, err := netlink.NewAttributeDecoder(m.Data[size:])
		if err != nil {
			return err
		}
		each(m.Data[:size], attrs)
	}
	return nil
}

// link is a network device.
type link struct {
	index int
	name  string
	kind  string // such as "tun" or "dummy"; empty for most hardware
	mac   string // the bytes of its hardware address
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

// addLink adds a device of a kind. The kernel replaces a "%d" in the name by a number.
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

// inet6AddrGenModeNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const inet6AddrGenModeNone = 1

// setUp lets a device carry packets. First it keeps the device from giving itself a link-local IPv6
// address and from looking for routers, because nobody is behind it. It ignores an error of that
// step: a kernel without IPv6 has no such setting.
func (r route) setUp(index int) error {
	_ = r.set(unix.RTM_NEWLINK, 0, &unix.IfInfomsg{Index: int32(index)}, func(ae *netlink.AttributeEncoder) {
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
			// On a point-to-point link, IFA_ADDRESS is the other end and IFA_LOCAL is ours.
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

// addAddr gives a device an address for a number of seconds. If the device has the address, its
// time starts again.
//
// The kernel doesn't choose the address for a source by itself: IPv4 has the scope host, and IPv6,
// where the kernel sets the scope, a preferred lifetime of 0 (RFC 6724, section 5, rule 3). Cilium
// takes no address of this scope for one of the node's either.
func (r route) addAddr(index int, a netip.Addr, seconds uint32) error {
	head := unix.IfAddrmsg{Family: familyOf(a), Prefixlen: uint8(a.BitLen()), Scope: unix.RT_SCOPE_HOST, Index: uint32(index)}
	life, err := binary.Append(nil, binary.NativeEndian, &unix.IfaCacheinfo{Prefered: 0, Valid: seconds})
	if err != nil {
		return err
	}
	return r.set(unix.RTM_NEWADDR, netlink.Create|netlink.Replace, &head, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.IFA_LOCAL, a.AsSlice())
		ae.Bytes(unix.IFA_ADDRESS, a.AsSlice())
		// NODAD: the address works at once, and others may hold it too. NOPREFIXROUTE: it is no network.
		ae.Uint32(unix.IFA_FLAGS, unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
		ae.Bytes(unix.IFA_CACHEINFO, life)
	})
}

// addRoute sends packets to dst into a device. It fails with EEXIST if there is a route to dst.
func (r route) addRoute(index int, dst netip.Addr) error {
	head := unix.RtMsg{Family: familyOf(dst), Dst_len: uint8(dst.BitLen()), Table: unix.RT_TABLE_MAIN,
		Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_LINK, Type: unix.RTN_UNICAST}
	return r.set(unix.RTM_NEWROUTE, netlink.Create|netlink.Excl, &head, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.RTA_DST, dst.AsSlice())
		ae.Uint32(unix.RTA_OIF, uint32(index))
	})
}

// isLocal reports whether the kernel delivers packets to an address of a device to this host.
func (r route) isLocal(index int, a netip.Addr) bool {
	head := unix.RtMsg{Family: familyOf(a), Dst_len: uint8(a.BitLen())}
	found, err := r.send(unix.RTM_GETROUTE, 0, &head, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.RTA_DST, a.AsSlice())
		ae.Uint32(unix.RTA_OIF, uint32(index))
	})
	return err == nil && len(found) == 1 && len(found[0].Data) >= unix.SizeofRtMsg &&
		found[0].Data[7] == unix.RTN_LOCAL // rtm_type
}

// familyOf returns the family of an address: AF_INET or AF_INET6.
func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
