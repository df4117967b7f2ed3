package hostnet

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// translate are the expressions of a rule that sends one of n packets to a server: the last
// of n rules has n = 1 and takes what is left.
func translate(protocol byte, to, server netip.AddrPort, n int) []expr {
	offset := uint32(16) // the destination, RFC 791
	if to.Addr().Is6() {
		offset = 24 // RFC 8200
	}
	addr := to.Addr().AsSlice()
	return []expr{
		meta(unix.NFT_META_L4PROTO), equal(protocol),
		payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2), equal(port(to)...),
		meta(unix.NFT_META_NFPROTO), equal(protocolOf(to)),
		payload(unix.NFT_PAYLOAD_NETWORK_HEADER, offset, uint32(len(addr))), equal(addr...), // #nosec G115 -- 4 or 16
		random(uint32(n)), equal(0, 0, 0, 0), // #nosec G115 -- few
		immediate(unix.NFT_REG_1, server.Addr().AsSlice()), immediate(unix.NFT_REG_2, port(server)), dnat(protocolOf(to)),
	}
}

// masquerade are the expressions of a rule by which what the host itself has sent to an address
// comes from that of the device that it leaves by.
func masquerade(protocol byte, to netip.AddrPort) []expr {
	key := uint32(unix.NFT_CT_DST_IP)
	if to.Addr().Is6() {
		key = unix.NFT_CT_DST_IP6
	}
	return []expr{
		meta(unix.NFT_META_L4PROTO), equal(protocol),
		meta(unix.NFT_META_NFPROTO), equal(protocolOf(to)),
		original(key), equal(to.Addr().AsSlice()...),
		original(unix.NFT_CT_PROTO_DST), equal(port(to)...),
		sourceType(), equal(binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)...),
		{"masq", nil},
	}
}

// protocolOf returns the family of a, such as NFPROTO_IPV4.
func protocolOf(a netip.AddrPort) byte {
	if a.Addr().Is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

func port(a netip.AddrPort) []byte { return binary.BigEndian.AppendUint16(nil, a.Port()) }

// random loads a number below n, see linux/netfilter/nf_tables.h, nft_ng_attributes.
func random(n uint32) expr {
	return expr{"numgen", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_NG_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_NG_MODULUS, n)
		ae.Uint32(unix.NFTA_NG_TYPE, unix.NFT_NG_RANDOM)
	}}
}

// immediate loads a value into a register.
func immediate(register uint32, value []byte) expr {
	return expr{"immediate", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_IMMEDIATE_DREG, register)
		ae.Nested(unix.NFTA_IMMEDIATE_DATA, data(value...))
	}}
}

// dnat sends the packet to the address in the first register, and the port in the second.
func dnat(family byte) expr {
	return expr{"nat", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_NAT_TYPE, unix.NFT_NAT_DNAT)
		ae.Uint32(unix.NFTA_NAT_FAMILY, uint32(family))
		ae.Uint32(unix.NFTA_NAT_REG_ADDR_MIN, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_NAT_REG_PROTO_MIN, unix.NFT_REG_2)
	}}
}

// original loads what connection tracking saw at first, before anything was translated, such
// as NFT_CT_PROTO_DST.
func original(key uint32) expr {
	return expr{"ct", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_CT_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_CT_KEY, key)
		ae.Uint8(unix.NFTA_CT_DIRECTION, 0) // IP_CT_DIR_ORIGINAL
	}}
}

// sourceType loads the kind of the packet's source, such as RTN_LOCAL for the host's own.
func sourceType() expr {
	return expr{"fib", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_FIB_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_ADDRTYPE)
		ae.Uint32(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_SADDR)
	}}
}
