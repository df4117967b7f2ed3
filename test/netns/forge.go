package netns

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A program with raw sockets can send packets in another's name. That takes CAP_NET_RAW, which
// Pods have unless someone takes it from them.

// UDP returns a packet with any source.
func UDP(from, to netip.AddrPort, payload []byte) []byte {
	segment := binary.BigEndian.AppendUint16(nil, from.Port())
	segment = binary.BigEndian.AppendUint16(segment, to.Port())
	segment = binary.BigEndian.AppendUint16(segment, uint16(8+len(payload)))
	segment = append(append(segment, 0, 0), payload...)
	return ip(from.Addr(), to.Addr(), unix.IPPROTO_UDP, segment, 6)
}

// Unreachable returns the ICMP error by which a host tells the sender of a packet that nobody
// listens at its port (RFC 792, type 3, code 3; RFC 4443, type 1, code 4).
func Unreachable(from netip.Addr, packet []byte) []byte {
	if from.Is4() {
		to := netip.AddrFrom4([4]byte(packet[12:16]))
		return ip(from, to, unix.IPPROTO_ICMP, append([]byte{3, 3, 7: 0}, packet...), 2)
	}
	to := netip.AddrFrom16([16]byte(packet[8:24]))
	return ip(from, to, unix.IPPROTO_ICMPV6, append([]byte{1, 4, 7: 0}, packet...), 2)
}

// ip returns an IP header and behind it segment, whose checksum it writes at an offset.
func ip(from, to netip.Addr, protocol byte, segment []byte, checksum int) []byte {
	length := uint16(len(segment))
	pseudo := append(append(from.AsSlice(), to.AsSlice()...), 0, protocol)
	pseudo = binary.BigEndian.AppendUint16(pseudo, length)
	if protocol == unix.IPPROTO_ICMP { // RFC 792: the sum is of the message alone
		pseudo = nil
	}
	binary.BigEndian.PutUint16(segment[checksum:], sum(append(pseudo, segment...)))
	if from.Is6() {
		header := binary.BigEndian.AppendUint16([]byte{6 << 4, 0, 0, 0}, length)
		header = append(append(header, protocol, 64), from.AsSlice()...)
		return append(append(header, to.AsSlice()...), segment...)
	}
	header := binary.BigEndian.AppendUint16([]byte{4<<4 | 5, 0}, 20+length)
	header = append(append(header, 0, 0, 0x40, 0, 64, protocol, 0, 0), from.AsSlice()...)
	header = append(header, to.AsSlice()...)
	binary.BigEndian.PutUint16(header[10:], sum(header))
	return append(header, segment...)
}

// sum is the Internet checksum, RFC 1071.
func sum(b []byte) uint16 {
	var s uint32
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// Flood sends packets from the Host, some 3,000 a second, until end is called. next returns the
// next packet.
func (h *Host) Flood(family int, next func() []byte) (end func()) {
	h.T.Helper()
	fd := h.raw(family)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			for range 30 {
				send(h.T, fd, next())
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(stop); <-done; _ = unix.Close(fd) }
}

// raw opens a socket for packets that bring their IP header, raw(7).
func (h *Host) raw(family int) (fd int) {
	h.T.Helper()
	var err error
	h.In(func() { fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW) })
	if err != nil {
		h.T.Fatal(err)
	}
	return fd
}

func send(t testing.TB, fd int, packet []byte) {
	var to unix.Sockaddr
	if packet[0]>>4 == 4 {
		to = &unix.SockaddrInet4{Addr: [4]byte(packet[16:20])}
	} else {
		to = &unix.SockaddrInet6{Addr: [16]byte(packet[24:40])}
	}
	if err := unix.Sendto(fd, packet, 0, to); err != nil {
		t.Errorf("a forged packet: %v", err)
	}
}
