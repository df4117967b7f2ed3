package peer

import (
	"fmt"
	"net"
	"net/netip"
)

// Ports finds n ports that are free for both UDP and TCP. All are held until
// the last is found, so that no two are one.
func Ports(n int) ([]int, error) {
	var ports []int
	for len(ports) < n {
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			return nil, fmt.Errorf("find a port: %w", err)
		}
		defer listener.Close()
		port := listener.Addr().(*net.TCPAddr).Port
		socket, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		defer socket.Close()
		ports = append(ports, port)
	}
	return ports, nil
}

// Local are the machine's own addresses other than the loopback's, which are
// what a DNS server looks for among the endpoints.
func Local() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("this machine's addresses: %w", err)
	}
	var local []netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a, err)
		}
		if !prefix.Addr().IsLoopback() {
			local = append(local, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return local, nil
}
