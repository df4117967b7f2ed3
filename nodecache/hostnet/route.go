package hostnet

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// route is a socket of rtnetlink(7): links, addresses and routes.
type route struct{ *netlink.Conn }

// openRoute opens one that hears the events of groups, a bit mask.
func openRoute(groups uint32) (route, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups})
	if err != nil {
		return route{}, explain("rtnetlink", err)
	}
	c.SetOption(netlink.ExtendedAcknowledge, true) // words with an errno; since Linux 4.12
	return route{c}, nil
}

// set changes one thing. head is the struct that the type of message begins with.
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

func noAttrs(*netlink.AttributeEncoder) {}

// list returns all that there is of a kind. Each gets the attributes of one, after a head
// of size octets, which it is given as they came.
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

// addRoute sends what is for dst to a link. It is no error if there is such a route.
func (r route) addRoute(index int, dst netip.Addr) error {
	head := unix.RtMsg{Family: familyOf(dst), Dst_len: uint8(dst.BitLen()), Table: unix.RT_TABLE_MAIN,
		Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_LINK, Type: unix.RTN_UNICAST}
	return r.set(unix.RTM_NEWROUTE, netlink.Create|netlink.Excl, &head, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.RTA_DST, dst.AsSlice())
		ae.Uint32(unix.RTA_OIF, uint32(index))
	})
}

// isLocal reports whether packets to a that concern a link are for this host.
func (r route) isLocal(index int, a netip.Addr) bool {
	head := unix.RtMsg{Family: familyOf(a), Dst_len: uint8(a.BitLen())}
	found, err := r.send(unix.RTM_GETROUTE, 0, &head, func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.RTA_DST, a.AsSlice())
		ae.Uint32(unix.RTA_OIF, uint32(index))
	})
	return err == nil && len(found) == 1 && len(found[0].Data) >= unix.SizeofRtMsg &&
		found[0].Data[7] == unix.RTN_LOCAL // rtm_type
}

// familyOf returns the family of a, such as AF_INET.
func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
