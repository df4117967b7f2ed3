package nodecache

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/neardns/neardns/nodecache/corefile"
)

// listenAddrs returns where a block with these binds listens on a port: everywhere if there
// are none.
func listenAddrs(binds []corefile.Bind, port uint16) ([]netip.AddrPort, error) {
	var addrs []netip.Addr
	for _, b := range binds {
		found, err := bindAddrs(b)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			if !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
	}
	switch {
	case len(binds) == 0:
		addrs = everywhere()
	case len(addrs) == 0:
		return nil, fmt.Errorf("%s: bind: nothing left to listen on, expected an address that is not in except", binds[0].Pos)
	}
	var list []netip.AddrPort
	for _, a := range addrs {
		list = append(list, netip.AddrPortFrom(a, port))
	}
	return list, nil
}

// everywhere returns the unspecified addresses of the families that the host has.
func everywhere() []netip.Addr {
	addrs := []netip.Addr{netip.IPv4Unspecified()}
	if c, err := net.ListenPacket("udp6", "[::]:0"); err == nil {
		c.Close()
		addrs = append(addrs, netip.IPv6Unspecified())
	}
	return addrs
}

// bindAddrs returns the addresses that b names, but for its exceptions.
func bindAddrs(b corefile.Bind) ([]netip.Addr, error) {
	addrs, err := namedAddrs(b)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s: bind: %s has no address to listen on", b.Pos, b.Interface)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range b.Except {
		out, err := namedAddrs(e)
		if err != nil {
			return nil, err
		}
		addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return slices.Contains(out, a) })
	}
	return addrs, nil
}

// namedAddrs returns the address that b is, or those of its interface.
func namedAddrs(b corefile.Bind) ([]netip.Addr, error) {
	if b.Interface == "" {
		return []netip.Addr{b.Addr}, nil
	}
	addrs, err := interfaceAddrs(b.Interface)
	if err != nil {
		return nil, fmt.Errorf("%s: bind: %s: %w, expected an address, or an interface of this host", b.Pos, b.Interface, err)
	}
	return addrs, nil
}

func interfaceAddrs(name string) ([]netip.Addr, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	nets, err := i.Addrs()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, n := range nets {
		p, err := netip.ParsePrefix(n.String())
		if err != nil {
			return nil, err
		}
		a := p.Addr().Unmap()
		if a.IsLinkLocalUnicast() && a.Is6() {
			a = a.WithZone(name)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}
