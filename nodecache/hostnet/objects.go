package hostnet

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Messages for tables, chains, rules, sets and elements.

// tableOwner is NFT_TABLE_F_OWNER: the table is of the netlink socket that makes it.
const tableOwner = 0x2

func (b *batch) addTable(owned bool) {
	b.add(unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Excl, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, b.table)
		if owned {
			ae.Uint32(unix.NFTA_TABLE_FLAGS, tableOwner)
		}
	})
}

func (b *batch) deleteTable(name string) {
	b.add(unix.NFT_MSG_DELTABLE, 0, func(ae *netlink.AttributeEncoder) { ae.String(unix.NFTA_TABLE_NAME, name) })
}

// emptyTable makes a table without rules of one that may be there. Its chains stay: a packet
// that meets an old chain and then a new one could find both without rules.
func (b *batch) emptyTable() {
	b.add(unix.NFT_MSG_NEWTABLE, netlink.Create, func(ae *netlink.AttributeEncoder) { ae.String(unix.NFTA_TABLE_NAME, b.table) })
	b.add(unix.NFT_MSG_DELRULE, 0, func(ae *netlink.AttributeEncoder) { ae.String(unix.NFTA_RULE_TABLE, b.table) })
}

// Priorities of linux/netfilter_ipv4.h. Connection tracking is at -200.
const (
	priorityRaw  = -300     // NF_IP_PRI_RAW
	priorityDNAT = -100 + 1 // after those at NF_IP_PRI_NAT_DST, where kube-proxy's are
	prioritySNAT = 100 + 1  // after those at NF_IP_PRI_NAT_SRC
)

// addChain adds one that sees packets at a hook before connection tracking does.
func (b *batch) addChain(name string, hook uint32) { b.addBase(name, "filter", hook, priorityRaw) }

// addNATChain adds one that sees the first packet of each connection at a hook.
func (b *batch) addNATChain(name string, hook uint32, priority int32) {
	b.addBase(name, "nat", hook, priority)
}

func (b *batch) addBase(name, kind string, hook uint32, priority int32) {
	b.add(unix.NFT_MSG_NEWCHAIN, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_CHAIN_TABLE, b.table)
		ae.String(unix.NFTA_CHAIN_NAME, name)
		ae.Nested(unix.NFTA_CHAIN_HOOK, func(ae *netlink.AttributeEncoder) error {
			ae.Uint32(unix.NFTA_HOOK_HOOKNUM, hook)
			ae.Uint32(unix.NFTA_HOOK_PRIORITY, uint32(priority))
			return nil
		})
		ae.String(unix.NFTA_CHAIN_TYPE, kind)
	})
}

func (b *batch) addRule(chain string, exprs ...expr) {
	b.add(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_RULE_TABLE, b.table)
		ae.String(unix.NFTA_RULE_CHAIN, chain)
		ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(ae *netlink.AttributeEncoder) error {
			for _, e := range exprs {
				ae.Nested(unix.NFTA_LIST_ELEM, e.encode)
			}
			return nil
		})
	})
}

func (b *batch) deleteRule(r foreignRule) {
	b.addIn(r.family, unix.NFT_MSG_DELRULE, 0, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_RULE_TABLE, b.table)
		ae.String(unix.NFTA_RULE_CHAIN, r.chain)
		ae.Uint64(unix.NFTA_RULE_HANDLE, r.handle)
	})
}

func (e expr) encode(ae *netlink.AttributeEncoder) error {
	ae.String(unix.NFTA_EXPR_NAME, e.name)
	if e.fill != nil {
		ae.Nested(unix.NFTA_EXPR_DATA, func(ae *netlink.AttributeEncoder) error { e.fill(ae); return nil })
	}
	return nil
}

func (b *batch) addSet(s set) {
	b.add(unix.NFT_MSG_NEWSET, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_SET_TABLE, b.table)
		ae.String(unix.NFTA_SET_NAME, s.name)
		ae.Uint32(unix.NFTA_SET_ID, s.id)
		ae.Uint32(unix.NFTA_SET_KEY_TYPE, s.kind)
		ae.Uint32(unix.NFTA_SET_KEY_LEN, s.size)
		if s.kind == kindDevice {
			ae.Bytes(unix.NFTA_SET_USERDATA, hostOrder())
		}
		if s.own {
			return
		}
		if !s.filledByRules() {
			ae.Uint64(unix.NFTA_SET_TIMEOUT, uint64(Lifetime.Milliseconds()))
			ae.Uint32(unix.NFTA_SET_FLAGS, unix.NFT_SET_TIMEOUT)
			return
		}
		ae.Uint64(unix.NFTA_SET_TIMEOUT, uint64(passingTime.Milliseconds()))
		ae.Uint32(unix.NFTA_SET_FLAGS, unix.NFT_SET_TIMEOUT|unix.NFT_SET_EVAL)
		ae.Nested(unix.NFTA_SET_DESC, func(ae *netlink.AttributeEncoder) error {
			ae.Uint32(unix.NFTA_SET_DESC_SIZE, passingMost)
			return nil
		})
	})
}

// hostOrder tells nft that keys are numbers in the host's order: of libnftnl's udata.h, the
// type NFTNL_UDATA_SET_KEYBYTEORDER, the length 4 and BYTEORDER_HOST_ENDIAN.
func hostOrder() []byte { return binary.NativeEndian.AppendUint32([]byte{0, 4}, 1) }

func (b *batch) addElements(s set, keys ...[]byte) {
	b.add(unix.NFT_MSG_NEWSETELEM, netlink.Create, func(ae *netlink.AttributeEncoder) {
		b.nameSet(ae, s)
		ae.Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(ae *netlink.AttributeEncoder) error {
			for _, key := range keys {
				ae.Nested(unix.NFTA_LIST_ELEM, encodeKey(key))
			}
			return nil
		})
	})
}

func encodeKey(key []byte) func(*netlink.AttributeEncoder) error {
	return func(ae *netlink.AttributeEncoder) error {
		ae.Nested(unix.NFTA_SET_ELEM_KEY, func(ae *netlink.AttributeEncoder) error {
			ae.Bytes(unix.NFTA_DATA_VALUE, key)
			return nil
		})
		return nil
	}
}

// flush deletes all elements. Unlike deleting each, it is no error for those that are out.
func (b *batch) flush(s set) {
	b.add(unix.NFT_MSG_DELSETELEM, 0, func(ae *netlink.AttributeEncoder) { b.nameSet(ae, s) })
}

func (b *batch) nameSet(ae *netlink.AttributeEncoder, s set) {
	ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, b.table)
	ae.String(unix.NFTA_SET_ELEM_LIST_SET, s.name)
	ae.Uint32(unix.NFTA_SET_ELEM_LIST_SET_ID, s.id)
}
