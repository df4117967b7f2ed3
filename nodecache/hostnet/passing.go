package hostnet

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A connection over TCP that began while nobody intercepted may lead elsewhere, by kube-proxy.
// It would break if its next packet came to us. So its packets are noted while they pass, and
// go on passing as long as less than Lifetime lies between them, even when queries are ours.
// What another process has taken from connection tracking already does not pass.

// passing holds those connections of the family of s: where each comes from.
func passing(s set) set {
	if s.is4() {
		return set{"pass4", 6, kindAddr4<<6 | kindPort, 4 + 4, false}
	}
	return set{"pass6", 7, kindAddr6<<6 | kindPort, 16 + 4, false}
}

// passingMost is how many connections pass at most, as in nft's own sets. Any more break.
const passingMost = 1 << 16

// goOn are of a rule that lets pass what passed before.
func goOn(port uint16, s set) []expr {
	exprs := append(toPort(unix.IPPROTO_TCP, port, s), origin(s)...)
	return append(exprs, in(passing(s)), note(passing(s)), accept())
}

// begin are of a rule that lets pass what is for us but not taken.
func begin(port uint16, take, own set) []expr {
	exprs := append(toPort(unix.IPPROTO_TCP, port, own),
		payload(unix.NFT_PAYLOAD_NETWORK_HEADER, destination(own), own.size), in(own), notIn(take),
		state(), equal(binary.NativeEndian.AppendUint32(nil, stateNone)...))
	return append(append(exprs, origin(own)...), note(passing(own)), accept())
}

// toPort are the expressions that match a protocol and the port that a packet goes to.
func toPort(protocol byte, port uint16, s set) []expr {
	return []expr{
		meta(unix.NFT_META_L4PROTO), equal(protocol),
		payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2), equal(binary.BigEndian.AppendUint16(nil, port)...),
		meta(unix.NFT_META_NFPROTO), equal(s.family()),
	}
}

// origin loads where a packet comes from: its address, and its port into the register behind.
func origin(s set) []expr {
	behind := uint32(unix.NFT_REG32_01) // NFT_REG_1 is four registers of 32 bits, from NFT_REG32_00 on
	if !s.is4() {
		behind = unix.NFT_REG_2
	}
	return []expr{
		payload(unix.NFT_PAYLOAD_NETWORK_HEADER, destination(s)-s.size, s.size),
		payloadInto(behind, unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2),
	}
}

// note adds what is loaded to a set, or has its time begin anew.
func note(s set) expr {
	return expr{"dynset", func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_DYNSET_SET_NAME, s.name)
		ae.Uint32(unix.NFTA_DYNSET_SET_ID, s.id)
		ae.Uint32(unix.NFTA_DYNSET_OP, unix.NFT_DYNSET_OP_UPDATE)
		ae.Uint32(unix.NFTA_DYNSET_SREG_KEY, unix.NFT_REG_1)
	}}
}

// accept ends the chain.
func accept() expr {
	return expr{"immediate", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT)
		ae.Nested(unix.NFTA_IMMEDIATE_DATA, func(ae *netlink.AttributeEncoder) error {
			ae.Nested(unix.NFTA_DATA_VERDICT, func(ae *netlink.AttributeEncoder) error {
				ae.Uint32(unix.NFTA_VERDICT_CODE, 1) // NF_ACCEPT of linux/netfilter.h
				return nil
			})
			return nil
		})
	}}
}

// state loads what connection tracking says of the packet.
func state() expr {
	return expr{"ct", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_CT_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_CT_KEY, unix.NFT_CT_STATE)
	}}
}

// stateNone is that of a packet that it has not seen: NF_CT_STATE_INVALID_BIT of
// linux/netfilter/nf_conntrack_common.h.
const stateNone = 1
