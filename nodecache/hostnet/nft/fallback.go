package nft

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// SetFallback makes, or replaces in one step, a table that sends what goes to a port of addrs to
// servers: each connection, and each UDP flow, to a random server of the address's family. The
// table stays when the Conn closes.
func (c *Conn) SetFallback(table string, addrs []netip.Addr, port uint16, servers []netip.AddrPort) error {
	b := &batch{table: table}
	b.emptyTable()
	b.addNATChain("prerouting", unix.NF_INET_PRE_ROUTING, priorityDNAT)
	b.addNATChain("output", unix.NF_INET_LOCAL_OUT, priorityDNAT)
	b.addNATChain("postrouting", unix.NF_INET_POST_ROUTING, prioritySNAT)
	for _, a := range addrs {
		f, to := familyOf(a), netip.AddrPortFrom(a, port)
		same := make([]netip.AddrPort, 0, len(servers))
		for _, s := range servers {
			if f.has(s.Addr()) {
				same = append(same, s)
			}
		}
		for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			for i, s := range same {
				r := f.translate(protocol, to, s, uint32(len(same)-i))
				b.addRule("prerouting", r)
				b.addRule("output", r)
			}
			b.addRule("postrouting", f.comeFromHere(protocol, to))
		}
	}
	return b.commit(c)
}

// translate is a rule that sends one of n packets to a server. The last of a list of servers has
// n = 1: it takes what is left.
func (f family) translate(protocol byte, to, server netip.AddrPort, n uint32) rule {
	return join(f.to(protocol, to.Port()), rule{
		network(f.destination, f.size), equal(to.Addr().AsSlice()...),
		random(n), equal(0, 0, 0, 0),
		immediate(unix.NFT_REG_1, server.Addr().AsSlice()),
		immediate(unix.NFT_REG_2, binary.BigEndian.AppendUint16(nil, server.Port())),
		dnat(f),
	})
}

// comeFromHere is a rule for what the host itself has sent to an address and translate has sent
// on: it gets the address of the device that it leaves by for its source.
func (f family) comeFromHere(protocol byte, to netip.AddrPort) rule {
	return join(protocolIs(protocol), f.is(), rule{
		originalOf(f.dstKey), equal(to.Addr().AsSlice()...),
		originalOf(unix.NFT_CT_PROTO_DST), equalPort(to.Port()),
		sourceType(), equalHost(unix.RTN_LOCAL),
		masquerade(),
	})
}
