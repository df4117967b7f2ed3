package nft

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// set is a set of a table.
type set struct {
	name    string
	id      uint32        // unique within a batch
	kind    uint32        // of its keys: a number of nft's datatype.h, which nft(8) needs to list the set
	size    uint32        // of a key, in bytes
	timeout time.Duration // of each element; none if 0
	most    uint32        // elements, in a set that rules add to; else 0
}

// Kinds of keys.
const (
	kindAddr4  = 7  // TYPE_IPADDR
	kindAddr6  = 8  // TYPE_IP6ADDR
	kindPort   = 13 // TYPE_INET_SERVICE
	kindDevice = 20 // TYPE_IFINDEX
	kindBits   = 6  // TYPE_BITS: a key of two values has the kind of the first, shifted, and that of the second
)

const (
	passTime = time.Minute // longer than servers let a connection idle, RFC 7766, section 6.2.3
	passMost = 1 << 16     // connections, the size of nft's own sets
)

// probes holds the TUN that probes come in by.
func probes() set { return set{name: "probes", id: 1, kind: kindDevice, size: 4} }

// outside holds the devices that lead to other machines.
func outside() set { return set{name: "outside", id: 2, kind: kindDevice, size: 4} }

// deviceKeys are keys of probes and outside.
func deviceKeys(indexes ...int) (keys [][]byte) {
	for _, i := range indexes {
		keys = append(keys, binary.NativeEndian.AppendUint32(nil, uint32(i)))
	}
	return keys
}

// family is a version of IP and the sets that a table has for it.
type family struct {
	protocol            byte   // NFPROTO_IPV4
	size                uint32 // of an address, in bytes
	source, destination uint32 // offsets of the addresses in the IP header
	dstKey              uint32 // NFT_CT_DST_IP
	portRegister        uint32 // the register behind an address in NFT_REG_1

	probe set // the addresses that probes come from
	take  set // the addresses at which we take queries from others
	own   set // the addresses, always
	pass  set // the senders (address and port) of connections that are not ours
	begun set // the addresses, once we have taken queries there
}

// families returns the families that addrs have, IPv4 first.
func families(addrs []netip.Addr, lifetime time.Duration) (found []family) {
	for _, f := range []family{ipv4(lifetime), ipv6(lifetime)} {
		if slices.ContainsFunc(addrs, f.has) {
			found = append(found, f)
		}
	}
	return found
}

// familyOf returns the family of an address, for rules that need none of its sets.
func familyOf(a netip.Addr) family {
	if a.Is4() {
		return ipv4(0)
	}
	return ipv6(0)
}

// ipv4 has the offsets of RFC 791, section 3.1.
func ipv4(lifetime time.Duration) family {
	const kind, size = kindAddr4, 4
	return family{
		protocol: unix.NFPROTO_IPV4, size: size, source: 12, destination: 16, dstKey: unix.NFT_CT_DST_IP,
		portRegister: unix.NFT_REG32_01, // NFT_REG_1 is four registers of 32 bits, from NFT_REG32_00 on

		probe: set{name: "probe4", id: 3, kind: kind, size: size},
		take:  set{name: "take4", id: 4, kind: kind, size: size, timeout: lifetime},
		own:   set{name: "own4", id: 5, kind: kind, size: size},
		pass:  set{name: "pass4", id: 6, kind: kind<<kindBits | kindPort, size: size + 4, timeout: passTime, most: passMost},
		begun: set{name: "begun4", id: 7, kind: kind, size: size},
	}
}

// ipv6 has the offsets of RFC 8200, section 3.
func ipv6(lifetime time.Duration) family {
	const kind, size = kindAddr6, 16
	return family{
		protocol: unix.NFPROTO_IPV6, size: size, source: 8, destination: 24, dstKey: unix.NFT_CT_DST_IP6,
		portRegister: unix.NFT_REG_2,

		probe: set{name: "probe6", id: 8, kind: kind, size: size},
		take:  set{name: "take6", id: 9, kind: kind, size: size, timeout: lifetime},
		own:   set{name: "own6", id: 10, kind: kind, size: size},
		pass:  set{name: "pass6", id: 11, kind: kind<<kindBits | kindPort, size: size + 4, timeout: passTime, most: passMost},
		begun: set{name: "begun6", id: 12, kind: kind, size: size},
	}
}

// has reports whether an address is of the family.
func (f family) has(a netip.Addr) bool { return a.Is4() == (f.protocol == unix.NFPROTO_IPV4) }

// keys returns the addresses of the family as keys of a set.
func (f family) keys(addrs []netip.Addr) (keys [][]byte) {
	for _, a := range addrs {
		if f.has(a) {
			keys = append(keys, a.AsSlice())
		}
	}
	return keys
}
