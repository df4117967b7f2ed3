package selfcheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Way is the way that queries take to this node's addresses, over either protocol.
type Way struct{ UDP, TCP exchange }

// exchange sends a query to an address of this node, each time from another port, and returns the
// answer, which is the caller's. It waits until ctx ends.
type exchange func(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error)

// Loopback returns the way of the programs on this host. Packets carry the mark, unless it is 0.
func Loopback(mark int) Way {
	l := loopback{mark}
	return Way{l.askUDP, l.askTCP}
}

type loopback struct{ mark int }

func (l loopback) askUDP(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	c, err := l.dial(ctx, "udp", to)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, 512)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		if n >= 2 && bytes.HasPrefix(query, buf[:2]) { // an answer with another ID is to another query
			return buf[:n], nil
		}
	}
}

// askTCP resets the connection at the end, so that no port waits in TIME_WAIT.
func (l loopback) askTCP(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	c, err := l.dial(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.(*net.TCPConn).SetLinger(0)
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err = io.ReadFull(c, answer)
	return answer, err
}

// dial opens a socket, which fails after ctx's deadline.
func (l loopback) dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if l.mark != 0 {
		d.Control = l.setMark
	}
	c, err := d.DialContext(ctx, network, to.String())
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.SetDeadline(deadline)
	}
	return c, nil
}

func (l loopback) setMark(_, _ string, c syscall.RawConn) (err error) {
	if failed := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, l.mark)
	}); failed != nil {
		return failed
	}
	return err
}

// onHost returns the addresses to which packets stay on this host.
func onHost(addrs []netip.AddrPort) []netip.AddrPort {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return !isOnHost(a.Addr()) })
}

// isOnHost reports whether packets to addr stay on this host.
func isOnHost(addr netip.Addr) bool {
	if addr.IsUnspecified() || addr.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == addr
	})
}

// reach returns where to ask the socket that listens on addr. The socket of the unspecified address
// receives only what is sent to addresses that no other socket listens on, because the kernel
// prefers a socket of the address itself. ok is false if this host has no such address.
func reach(addr netip.AddrPort, listened []netip.AddrPort) (to netip.AddrPort, ok bool) {
	if !addr.Addr().IsUnspecified() {
		return addr, true
	}
	for _, a := range hostAddrs(addr.Addr().Is4()) {
		if to = netip.AddrPortFrom(a, addr.Port()); !slices.Contains(listened, to) {
			return to, true
		}
	}
	return addr, false
}

// hostAddrs returns addresses of this host, those of loopback first. Of IPv4 that are 100, all of
// loopback: there is no need for more.
func hostAddrs(is4 bool) (all []netip.Addr) {
	if is4 {
		for i := range byte(100) {
			all = append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1 + i}))
		}
		return all
	}
	all = append(all, netip.IPv6Loopback())
	addrs, _ := net.InterfaceAddrs() // on an error, the loopback address must do
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is6() && p.Addr().IsGlobalUnicast() {
			all = append(all, p.Addr())
		}
	}
	return all
}
