package hostnet

import (
	"encoding/binary"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// outside is the devices of default routes. Other machines are behind them, see
// Config.AnswerOutside. Behind a bridge or a virtual switch that the node's own network goes
// through, Pods may be too; such a device counts as unsure, and what comes in by it is answered.
type outside struct {
	indexes []int    // of the devices that lead to other machines
	names   []string // of the same devices
	unsure  []string // names of those that Pods may be behind too
}

func (o outside) equal(p outside) bool {
	return slices.Equal(o.names, p.names) && slices.Equal(o.unsure, p.unsure) && slices.Equal(o.indexes, p.indexes)
}

// nics are the kinds of devices that, with a default route, lead to other machines and not to
// Pods. Hardware has no kind.
var nics = []string{"", "bond", "team", "vlan", "macvlan", "ipvlan", "veth"}

func (r route) outside() (o outside, err error) {
	links, err := r.links()
	if err != nil {
		return o, err
	}
	err = r.defaults(func(index int, main bool) {
		l := links[index]
		switch {
		case l.index == 0 || slices.Contains(o.indexes, index) || slices.Contains(o.unsure, l.name):
		case l.kind == "" || main && slices.Contains(nics, l.kind):
			o.indexes, o.names = append(o.indexes, index), append(o.names, l.name)
		case main:
			o.unsure = append(o.unsure, l.name)
		}
	})
	return o, err
}

// defaults calls each with the devices of default routes. main says whether the route is in the
// main table. Routes of other tables are for some source addresses only: network plugins have some
// that lead to devices of their own.
func (r route) defaults(each func(index int, main bool)) error {
	return r.list(unix.RTM_GETROUTE, &unix.RtMsg{}, unix.SizeofRtMsg, func(head []byte, ad *netlink.AttributeDecoder) {
		if !isDefault(head) {
			return
		}
		main := head[4] == unix.RT_TABLE_MAIN // rtm_table
		for ad.Next() {
			switch ad.Type() {
			case unix.RTA_OIF:
				each(int(ad.Uint32()), main)
			case unix.RTA_MULTIPATH:
				for hop := ad.Bytes(); len(hop) >= unix.SizeofRtNexthop; {
					size := int(binary.NativeEndian.Uint16(hop)) // rtnh_len, and rtnh_ifindex
					each(int(binary.NativeEndian.Uint32(hop[4:])), main)
					hop = hop[min(len(hop), max(size, unix.SizeofRtNexthop)):]
				}
			}
		}
	})
}

// isDefault reports whether a route is a default route, by its struct rtmsg.
func isDefault(head []byte) bool {
	return head[1] == 0 && head[7] == unix.RTN_UNICAST // rtm_dst_len, rtm_type
}
