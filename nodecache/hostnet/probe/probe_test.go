package probe

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests of package hostnet ask real sockets through a real TUN. Here the TUN is one end of a
// pair of sockets, and the kernel at the other end is the test.

var (
	source = netip.MustParseAddr("169.254.253.1")
	server = netip.MustParseAddrPort("10.96.0.10:53")
)

// tun returns a Path and the kernel's end of its TUN.
func tun(t *testing.T) (p Path, kernel *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, kernel := os.NewFile(uintptr(fds[0]), "tun"), os.NewFile(uintptr(fds[1]), "kernel")
	t.Cleanup(func() { ours.Close(); kernel.Close() })
	return Path{ours, source}, kernel
}

// answerUDP reads a query and writes what segments makes of it, each in a packet.
func answerUDP(t *testing.T, kernel *os.File, segments func(query []byte) [][]byte) {
	buf := make([]byte, 2048)
	n, err := kernel.Read(buf)
	if err != nil {
		t.Error(err)
		return
	}
	_, src, dst, body, _ := parse(buf[:n])
	port := uint16(body[0])<<8 | uint16(body[1])
	f := flow{unix.IPPROTO_UDP, netip.AddrPortFrom(dst, 53), netip.AddrPortFrom(src, port)}
	for _, payload := range segments(body[8:]) {
		segment := append([]byte{0, 53, body[0], body[1], 0, byte(8 + len(payload)), 0, 0}, payload...)
		if _, err := kernel.Write(f.packet(segment, 6)); err != nil {
			t.Error(err)
		}
	}
}

// TestUDP shows that a probe returns the answer with its query's ID, and not packets that waited in
// the TUN before.
func TestUDP(t *testing.T) {
	p, kernel := tun(t)
	late := flow{unix.IPPROTO_UDP, server, netip.AddrPortFrom(source, firstPort)}
	if _, err := kernel.Write(late.packet([]byte{0, 53, 0xc0, 0, 0, 10, 0, 0, 'i', 'd'}, 6)); err != nil {
		t.Fatal(err)
	}
	go answerUDP(t, kernel, func(query []byte) [][]byte {
		return [][]byte{[]byte("xx forged"), []byte("i"), append(query[:2:2], " answer"...)}
	})
	answer, err := p.UDP(t.Context(), []byte("id query"), server)
	if string(answer) != "id answer" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestEnds shows that a probe ends with its context and with the TUN.
func TestEnds(t *testing.T) {
	p, _ := tun(t)
	for _, ask := range []func(context.Context, []byte, netip.AddrPort) ([]byte, error){p.UDP, p.TCP} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.ErrUnsupported)
		if _, err := ask(ctx, []byte("id query"), server); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("want the cause: %v", err)
		}
		cancel()
	}
	p.TUN.Close()
	if _, err := p.UDP(t.Context(), []byte("id query"), server); err == nil {
		t.Error("without a TUN: no error")
	}
}
