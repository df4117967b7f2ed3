package hostnet

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// What comes in by the device of a default route was sent by another machine, and a node cache is
// for the Pods of its node. To answer others would make a reflector of it: a small question with
// a victim's address brings the victim a long answer. So such queries take the way that they
// would take without us. Where that ends here, because kube-proxy does not know the address, they
// are dropped.
//
// Where Pods may be behind that device too, it does not count: behind a bridge or a virtual
// switch that the node's own network goes through. Pods on ipvlan devices of the node's network
// come in by it and look like other machines: for those there is Config.AnswerOutside.

// nics are the kinds of devices that lead to other machines and not to Pods, if a default route
// does so. Hardware has none.
var nics = []string{"", "bond", "team", "vlan", "macvlan", "ipvlan", "veth"}

// outsideSet holds the devices of default routes.
func outsideSet() set { return set{"outside", 12, kindDevice, 4, true} }

// addOutside adds the rules for what comes from other machines: it passes prerouting as if we were
// not here, and is dropped if it is to be delivered here.
func (t *table) addOutside(b *batch, all []set) {
	if t.cfg.AnswerOutside {
		return
	}
	b.addRule("prerouting", meta(unix.NFT_META_IIF), in(outsideSet()), accept())
	b.addChain("input", unix.NF_INET_LOCAL_IN)
	for _, s := range all {
		if !s.own {
			continue
		}
		for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			from := []expr{meta(unix.NFT_META_IIF), in(outsideSet())}
			b.addRule("input", slices.Concat(from, toPort(protocol, t.cfg.Port, s), to(s), []expr{drop()})...)
		}
	}
}

// fillOutside fills the set of these devices.
func (t *table) fillOutside(b *batch) {
	for _, index := range t.outside {
		b.addElements(outsideSet(), indexKey(index))
	}
}

// leadsOut has the rules take other devices for those that lead to other machines.
func (t *table) leadsOut(devices []int) error {
	t.outside = devices
	b := &batch{table: t.name}
	b.flush(outsideSet())
	t.fillOutside(b)
	if err := b.commit(t.conn); !errors.Is(err, unix.ENOENT) { // see fill
		return err
	}
	return nil
}

// lookOutside has the rules follow the default routes. h.mu is held.
func (h *Host) lookOutside() error {
	if h.table == nil || h.cfg.AnswerOutside {
		return nil
	}
	o, err := h.route.outside()
	if err != nil || slices.Equal(o.names, h.outside.names) && slices.Equal(o.unsure, h.outside.unsure) && slices.Equal(o.indexes, h.outside.indexes) {
		return err
	}
	if err := h.table.leadsOut(o.indexes); err != nil {
		return err
	}
	h.outside = o
	if len(o.names) > 0 {
		h.cfg.Log.Info("what comes in by the device of a default route gets no answer: other machines send it", "devices", o.names)
	}
	if len(o.unsure) > 0 {
		h.cfg.Log.Info("what comes in by the device of a default route is answered: it may be Pods that send it", "devices", o.unsure)
	}
	return nil
}

// outside are devices of default routes.
type outside struct {
	indexes []int    // of those that lead to other machines
	names   []string // the same
	unsure  []string // names of those that Pods may be behind too
}

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

// defaults calls each with the devices of default routes, and whether the main table has them.
// Others are for some addresses only: network plugins have such to devices of their own.
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

// isDefault reports whether a route leads to all addresses that no other leads to, by its head.
func isDefault(head []byte) bool {
	return head[1] == 0 && head[7] == unix.RTN_UNICAST // rtm_dst_len, rtm_type
}

// defaultsOnly has the kernel tell of no other route than default ones, of which a node has few:
// it gets a route for each Pod, and from routing daemons thousands.
func defaultsOnly() ([]bpf.RawInstruction, error) {
	host := func(typ uint16) uint32 { // as it is read, big-endian, where the kernel writes it
		return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, typ)))
	}
	const kind, dstLen = 4, unix.SizeofNlMsghdr + 1
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: kind, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: host(unix.RTM_NEWROUTE), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: host(unix.RTM_DELROUTE), SkipTrue: 2},
		bpf.LoadAbsolute{Off: dstLen, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
}
