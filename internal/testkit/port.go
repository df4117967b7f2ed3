package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// Free ports are looked for from firstPort on and below lastPort. No client gets one of them by
// chance (Linux gives clients ports from 32768 on), so a port is still free when its server
// starts, and when that starts again.
const (
	firstPort = 10000
	lastPort  = 32000
)

// found are the ports that this process has found. It finds none of them again.
var found sync.Map

// FreePort returns a port that is free for UDP and TCP on all addresses of the machine.
func FreePort(t testing.TB) uint16 {
	t.Helper()
	ports, err := FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// FreeAddr is FreePort with the address 127.0.0.1.
func FreeAddr(t testing.TB) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(loopback, FreePort(t))
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// FreePorts is n times FreePort, for programs without a testing.TB. All ports differ.
func FreePorts(n int) (ports []uint16, err error) {
	for range 100 * n {
		if len(ports) == n {
			break
		}
		if port := uint16(firstPort + rand.IntN(lastPort-firstPort)); isFree(port) {
			ports = append(ports, port)
		}
	}
	if len(ports) < n {
		return nil, fmt.Errorf("no %d free ports from %d to %d", n, firstPort, lastPort)
	}
	return ports, nil
}

func isFree(port uint16) bool {
	addr := fmt.Sprintf(":%d", port)
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer func() { _ = listener.Close() }()
	socket, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	defer func() { _ = socket.Close() }()
	_, again := found.LoadOrStore(port, true)
	return !again
}
