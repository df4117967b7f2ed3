package hostnet

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A connection over TCP ends where it began: with us, or with a server that kube-proxy leads to.
// Interception that begins or ends in the middle of one would have its next packet come where
// nobody knows it. So while an address is not taken, what comes to it is noted, and passes for
// passingTime after its last packet. What is not noted is ours, taken or not. Before the
// address is taken for the first time nothing is ours, and of a connection that began earlier
// any packet is noted; later, the first one alone.
//
// What another process has taken from connection tracking already is not noted.

// passing holds those connections that are not ours: where each comes from. It is of the family
// of s, as begun is.
func passing(s set) set {
	if s.is4() {
		return set{"pass4", 6, kindAddr4<<6 | kindPort, 4 + 4, false}
	}
	return set{"pass6", 7, kindAddr6<<6 | kindPort, 16 + 4, false}
}

// begun holds the addresses once they have been taken.
func begun(s set) set {
	if s.is4() {
		return set{"begun4", 8, kindAddr4, 4, true}
	}
	return set{"begun6", 9, kindAddr6, 16, true}
}

const (
	passingTime = time.Minute // longer than servers let a connection idle, RFC 7766, section 6.2.3
	passingMost = 1 << 16     // connections, as in nft's own sets
)

// goOn are of the rule that lets pass what is noted.
func goOn(port uint16, s set) []expr {
	return slices.Concat(toPort(unix.IPPROTO_TCP, port, s), origin(s), []expr{in(passing(s)), note(passing(s)), accept()})
}

// noteAny are of the rule that notes what goes to an address that was never taken.
func noteAny(port uint16, own set) []expr {
	return slices.Concat(toPort(unix.IPPROTO_TCP, port, own), to(own), []expr{notIn(begun(own))}, noteRest(own))
}

// noteFirst are of the rule that notes what begins while an address is not taken.
func noteFirst(port uint16, take, own set) []expr {
	return slices.Concat(toPort(unix.IPPROTO_TCP, port, own), first(), to(own), []expr{notIn(take)}, noteRest(own))
}

// noteRest are the expressions that both end with.
func noteRest(own set) []expr {
	none := []expr{state(), equal(binary.NativeEndian.AppendUint32(nil, stateNone)...)}
	return slices.Concat(none, origin(own), []expr{note(passing(own)), accept()})
}

// kept are of the rule for what is not noted.
func kept(port uint16, own set) []expr {
	return slices.Concat(toPort(unix.IPPROTO_TCP, port, own), to(begun(own)), []expr{notrack()})
}

// to are the expressions that match what goes to an address of a set.
func to(s set) []expr {
	return []expr{payload(unix.NFT_PAYLOAD_NETWORK_HEADER, destination(s), s.size), in(s)}
}

// first are the expressions that match the first packet of a connection, RFC 9293, section 3.1:
// of the flags, SYN without ACK.
func first() []expr {
	return []expr{payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1), and(0x12), equal(0x02)}
}

// and keeps the bits of an octet that are in a mask.
func and(mask byte) expr {
	return expr{"bitwise", func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.NFTA_BITWISE_SREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_BITWISE_DREG, unix.NFT_REG_1)
		ae.Uint32(unix.NFTA_BITWISE_LEN, 1)
		ae.Nested(unix.NFTA_BITWISE_MASK, data(mask))
		ae.Nested(unix.NFTA_BITWISE_XOR, data(0))
	}}
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
