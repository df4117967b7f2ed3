package hostnet

import (
	"errors"
	"net/netip"
)

// block is a block of addresses, and why an address of it may be ours, or not.
type block struct {
	prefix netip.Prefix
	why    string
}

// forbidden returns the blocks of which no address can be a node's DNS address.
func forbidden() []block {
	return []block{
		{netip.MustParsePrefix("0.0.0.0/8"), "it names no host (RFC 1122, section 3.2.1.3)"},
		{netip.MustParsePrefix("127.0.0.0/8"), "a pod's loopback is not the node's"},
		{netip.MustParsePrefix("169.254.169.0/24"), "clouds serve metadata, time and DNS there"},
		{netip.MustParsePrefix("169.254.170.0/24"), "clouds serve credentials there"},
		{netip.MustParsePrefix("224.0.0.0/4"), "it is multicast"},
		{netip.MustParsePrefix("255.255.255.255/32"), "it is broadcast"},
		{netip.MustParsePrefix("::/128"), "it names no host (RFC 4291, section 2.5.2)"},
		{netip.MustParsePrefix("::1/128"), "a pod's loopback is not the node's"},
		{netip.MustParsePrefix("fd00:ec2::/32"), "clouds serve metadata, time and DNS there"},
		{netip.MustParsePrefix("fe80::/10"), "it means another host on each link"},
		{netip.MustParsePrefix("ff00::/8"), "it is multicast"},
	}
}

// private returns the blocks that an organisation may use as it likes, and those public blocks that
// are known to hold ClusterIPs. Any other address belongs to someone else: if we held it, Pods that
// ask it would be answered by the wrong server.
func private() []block {
	return []block{
		{netip.MustParsePrefix("10.0.0.0/8"), "RFC 1918"},
		{netip.MustParsePrefix("172.16.0.0/12"), "RFC 1918"},
		{netip.MustParsePrefix("192.168.0.0/16"), "RFC 1918"},
		{netip.MustParsePrefix("100.64.0.0/10"), "RFC 6598"},
		{netip.MustParsePrefix("169.254.0.0/16"), "RFC 3927"},
		{netip.MustParsePrefix("198.18.0.0/15"), "RFC 2544"},
		{netip.MustParsePrefix("240.0.0.0/4"), "RFC 1112, section 4, in use for Pods and Services"},
		{netip.MustParsePrefix("34.118.224.0/20"), "GKE's range of Services"},
		{netip.MustParsePrefix("fc00::/7"), "RFC 4193"},
		{netip.MustParsePrefix("2600:2d00:0:4::/64"), "GKE's range of Services"},
	}
}

// checkAddr says why a can't be an address of ours.
func checkAddr(a netip.Addr) error {
	refuse := func(why string) error {
		return &fault{"address " + a.String(), errors.New(why),
			"give a link-local address such as 169.254.20.10, or the ClusterIP of the cluster DNS"}
	}
	if !a.IsValid() || a.Zone() != "" || a.Is4In6() {
		return refuse("it is no plain IPv4 or IPv6 address")
	}
	for _, s := range forbidden() {
		if s.prefix.Contains(a) {
			return refuse(s.why)
		}
	}
	for _, s := range private() {
		if s.prefix.Contains(a) {
			return nil
		}
	}
	return refuse("it is a public address, someone else's")
}
