package peer

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
)

// Ports from firstPort on and below lastPort are none that a client gets (Linux gives it one
// from 32768 on), so that nobody takes one between being found and being used.
const (
	firstPort = 10000
	lastPort  = 32000
)

// given are the ports that were found before: whoever they are for may not use them yet.
var given sync.Map

// Ports finds n ports that are free for both UDP and TCP. All are held until the last is found,
// and none is found twice by a process, so that no two are one.
func Ports(n int) ([]int, error) {
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		if tries > 100*n {
			return nil, fmt.Errorf("no %d free ports from %d to %d", n, firstPort, lastPort)
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		defer listener.Close()
		socket, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		defer socket.Close()
		if _, again := given.LoadOrStore(port, true); again {
			continue
		}
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
