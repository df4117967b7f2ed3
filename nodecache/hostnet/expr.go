package hostnet

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// expr is one expression of a rule, such as "payload". Each goes by the register NFT_REG_1.
type expr struct {
	name string
	fill attrs // nil for one without attributes
}

// meta loads what the kernel knows of a packet, such as NFT_META_L4PROTO.
func meta(key uint32) expr {
	return expr{"meta", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_META_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_META_KEY, key)
	}}
}

// payload loads octets of a header, such as NFT_PAYLOAD_TRANSPORT_HEADER.
func payload(header, offset, length uint32) expr {
	return payloadInto(unix.NFT_REG_1, header, offset, length)
}

func payloadInto(register, header, offset, length uint32) expr {
	return expr{"payload", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_PAYLOAD_DREG, register)
		ae.Uint32(unix.NFTA_PAYLOAD_BASE, header)
		ae.Uint32(unix.NFTA_PAYLOAD_OFFSET, offset)
		ae.Uint32(unix.NFTA_PAYLOAD_LEN, length)
	}}
}

// equal goes on if what is loaded begins with value.
func equal(value ...byte) expr {
	return expr{"cmp", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_CMP_SREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_CMP_OP, unix.NFT_CMP_EQ)
		ae.Nested(unix.NFTA_CMP_DATA, data(value...))
	}}
}

// data is a value as attributes hold it.
func data(value ...byte) func(*netlink.AttributeEncoder) error {
	return func(ae *netlink.AttributeEncoder) error {
		ae.Bytes(unix.NFTA_DATA_VALUE, value)
		return nil
	}
}

// in goes on if what is loaded is in a set.
func in(s set) expr { return lookup(s, 0) }

// notIn goes on if what is loaded is not in a set.
func notIn(s set) expr { return lookup(s, unix.NFT_LOOKUP_F_INV) }

func lookup(s set, flags uint32) expr {
	return expr{"lookup", func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_LOOKUP_SET, s.name)
		ae.Uint32(unix.NFTA_LOOKUP_SET_ID, s.id)
		ae.Uint32(unix.NFTA_LOOKUP_SREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_LOOKUP_FLAGS, flags)
	}}
}

// notrack keeps the packet out of connection tracking, and so out of NAT.
func notrack() expr { return expr{"notrack", nil} }

// accept ends the chain.
func accept() expr { return verdict(1) } // NF_ACCEPT of linux/netfilter.h

// drop ends the packet.
func drop() expr { return verdict(0) } // NF_DROP

func verdict(code uint32) expr {
	return expr{"immediate", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT)
		ae.Nested(unix.NFTA_IMMEDIATE_DATA, func(ae *netlink.AttributeEncoder) error {
			ae.Nested(unix.NFTA_DATA_VERDICT, func(ae *netlink.AttributeEncoder) error {
				ae.Uint32(unix.NFTA_VERDICT_CODE, code)
				return nil
			})
			return nil
		})
	}}
}

// match is what one rule is about: a protocol and port, and a set of addresses, to which
// questions go or from which answers come.
type match struct {
	protocol byte
	port     uint16
	set      set
}

// exprs are of a rule for m. They begin with what most packets fail.
func (m match) exprs() []expr {
	port := uint32(2) // the destination, RFC 768 and RFC 9293
	addr := destination(m.set)
	if m.set.own {
		port, addr = 0, addr-m.set.size // sources
	}
	return []expr{
		meta(unix.NFT_META_L4PROTO), equal(m.protocol),
		payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, port, 2), equal(binary.BigEndian.AppendUint16(nil, m.port)...),
		meta(unix.NFT_META_NFPROTO), equal(m.set.family()),
		payload(unix.NFT_PAYLOAD_NETWORK_HEADER, addr, m.set.size), in(m.set),
		notrack(),
	}
}

// marked are of a rule for what goes to a set with Mark. Others may use that mark elsewhere.
func marked(s set) []expr {
	return []expr{
		meta(unix.NFT_META_MARK), equal(binary.NativeEndian.AppendUint32(nil, Mark)...),
		meta(unix.NFT_META_NFPROTO), equal(s.family()),
		payload(unix.NFT_PAYLOAD_NETWORK_HEADER, destination(s), s.size), in(s),
		notrack(),
	}
}

// destination is where the address of a packet's destination is, of the family of s.
func destination(s set) uint32 {
	if s.is4() {
		return 16 // RFC 791
	}
	return 24 // RFC 8200
}

// set is a set of a table. What the own sets hold stays; what is in the others lives for Lifetime.
type set struct {
	name string
	id   uint32 // within a batch
	kind uint32 // of its keys, in the numbers of nft's datatype.h, for those who list it
	size uint32 // of a key, octets
	own  bool
}

const (
	kindAddr4  = 7  // TYPE_IPADDR
	kindAddr6  = 8  // TYPE_IP6ADDR
	kindPort   = 13 // TYPE_INET_SERVICE
	kindDevice = 20 // TYPE_IFINDEX
)

// devices holds the TUN that probes come in by.
func devices() set { return set{"probes", 1, kindDevice, 4, true} }

// sets are those of addresses, two of each family: what is taken from others, and what is sent
// by us.
func sets(addrs []netip.Addr) (found []set) {
	if len(family(addrs, true)) > 0 {
		found = append(found, set{"take4", 2, kindAddr4, 4, false}, set{"own4", 3, kindAddr4, 4, true})
	}
	if len(family(addrs, false)) > 0 {
		found = append(found, set{"take6", 4, kindAddr6, 16, false}, set{"own6", 5, kindAddr6, 16, true})
	}
	return found
}

// is4 reports whether s holds IPv4 addresses.
func (s set) is4() bool { return s.kind == kindAddr4 }

// filledByRules reports whether packets add to s. Such a set has keys of more than one kind.
func (s set) filledByRules() bool { return s.kind >= 1<<6 }

// family is NFPROTO_IPV4 or NFPROTO_IPV6.
func (s set) family() byte {
	if s.is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

// keys returns those of addrs that are of the family of s.
func (s set) keys(addrs []netip.Addr) (keys [][]byte) {
	for _, a := range family(addrs, s.is4()) {
		keys = append(keys, a.AsSlice())
	}
	return keys
}
