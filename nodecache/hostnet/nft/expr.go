package nft

import (
	"encoding/binary"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The expressions that our rules consist of. Each loads into the register NFT_REG_1, or reads it,
// unless its name or comment says otherwise.

// meta loads what the kernel knows about a packet, such as expr.MetaKeyL4PROTO.
func meta(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: unix.NFT_REG_1} }

// network loads bytes of the IP header.
func network(offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: unix.NFT_REG_1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}
}

// transport loads bytes of the UDP or TCP header.
func transport(offset, length uint32) expr.Any { return transportInto(unix.NFT_REG_1, offset, length) }

func transportInto(register, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: length}
}

// equal goes on with the rule if the register begins with value.
func equal(value ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: unix.NFT_REG_1, Data: value}
}

// equalPort is equal to a port, in network byte order.
func equalPort(port uint16) expr.Any { return equal(binary.BigEndian.AppendUint16(nil, port)...) }

// equalHost is equal to a number in the host's byte order.
func equalHost(n uint32) expr.Any { return equal(binary.NativeEndian.AppendUint32(nil, n)...) }

// in goes on with the rule if a set has the register's value.
func in(s set) expr.Any {
	return &expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: s.name, SetID: s.id}
}

// notIn goes on with the rule if a set lacks the register's value.
func notIn(s set) expr.Any {
	return &expr.Lookup{SourceRegister: unix.NFT_REG_1, SetName: s.name, SetID: s.id, Invert: true}
}

// note adds the register's value to a set, or starts its time again.
func note(s set) expr.Any {
	return &expr.Dynset{SrcRegKey: unix.NFT_REG_1, SetName: s.name, SetID: s.id, Operation: unix.NFT_DYNSET_OP_UPDATE}
}

// and keeps the bits of the register's first byte that are in mask.
func and(mask byte) expr.Any {
	return &expr.Bitwise{SourceRegister: unix.NFT_REG_1, DestRegister: unix.NFT_REG_1, Len: 1, Mask: []byte{mask}, Xor: []byte{0}}
}

// notrack keeps the packet out of connection tracking, and with that out of NAT.
func notrack() expr.Any { return &expr.Notrack{} }

// accept ends the chain.
func accept() expr.Any { return &expr.Verdict{Kind: expr.VerdictAccept} }

// drop ends the packet.
func drop() expr.Any { return &expr.Verdict{Kind: expr.VerdictDrop} }

// state loads the state that connection tracking has for the packet.
func state() expr.Any { return &expr.Ct{Register: unix.NFT_REG_1, Key: expr.CtKeySTATE} }

// random loads a number from 0 to n-1.
func random(n uint32) expr.Any {
	return &expr.Numgen{Register: unix.NFT_REG_1, Modulus: n, Type: unix.NFT_NG_RANDOM}
}

// immediate loads a value into a register.
func immediate(register uint32, value []byte) expr.Any {
	return &expr.Immediate{Register: register, Data: value}
}

// dnat sends the packet to the address in NFT_REG_1 and the port in NFT_REG_2.
func dnat(f family) expr.Any {
	return &expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(f.protocol), RegAddrMin: unix.NFT_REG_1, RegProtoMin: unix.NFT_REG_2}
}

// masquerade gives the packet the address of the device that it leaves by for its source.
func masquerade() expr.Any { return &expr.Masq{} }

// sourceType loads the kind of the packet's source address, such as RTN_LOCAL for the host's own.
func sourceType() expr.Any {
	return &expr.Fib{Register: unix.NFT_REG_1, ResultADDRTYPE: true, FlagSADDR: true}
}

// original loads what connection tracking saw in the first packet, before anything was translated.
//
// The kernel wants a direction of one byte with each of our keys. The library writes four bytes,
// and none at all for NFT_CT_DST_IP. So original has a marshal of its own; it is an expr.Any
// because it has an expr.Ct inside.
type original struct{ *expr.Ct }

// originalOf is original for a key, such as NFT_CT_PROTO_DST.
func originalOf(key uint32) expr.Any {
	return original{&expr.Ct{Register: unix.NFT_REG_1, Key: expr.CtKey(key)}}
}

func (o original) marshal() ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.String(unix.NFTA_EXPR_NAME, "ct")
	ae.Nested(unix.NFTA_EXPR_DATA, func(ae *netlink.AttributeEncoder) error {
		ae.Uint32(unix.NFTA_CT_DREG, o.Register)
		ae.Uint32(unix.NFTA_CT_KEY, uint32(o.Key))
		ae.Uint8(unix.NFTA_CT_DIRECTION, 0) // IP_CT_DIR_ORIGINAL of nf_conntrack_tuple_common.h
		return nil
	})
	return ae.Encode()
}
