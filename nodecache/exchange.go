package nodecache

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

// exchange sends a query to an address of this node, from a new port, and returns the answer. It
// waits until ctx ends.
type exchange func(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error)

// way is how this node's addresses are asked.
type way struct{ udp, tcp exchange }

// loopback is the way of programs on the host.
type loopback struct {
	mark int // of the packets, 0 for none
}

func (l loopback) way() way { return way{l.askUDP, l.askTCP} }

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
		if n >= 2 && bytes.HasPrefix(query, buf[:2]) { // its ID; others are not to this query
			return buf[:n], nil
		}
	}
}

// askTCP resets the connection, so that none waits for its end.
func (l loopback) askTCP(ctx context.Context, query []byte, to netip.AddrPort) ([]byte, error) {
	c, err := l.dial(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.(*net.TCPConn).SetLinger(0)
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil { // #nosec G115 -- it is short
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

// dial opens a socket whose calls end with ctx.
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

// hereOf returns those of addrs to which packets stay on this host.
func hereOf(addrs []netip.AddrPort) []netip.AddrPort {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return !onThisHost(a.Addr()) })
}

// reach returns where to ask what listens on addr. That of all addresses hears what is sent to
// those that nothing else of listened is bound to, as the kernel prefers a socket of the
// address itself; ok is false if there is none.
func reach(addr netip.AddrPort, listened []netip.AddrPort) (to netip.AddrPort, ok bool) {
	if !addr.Addr().IsUnspecified() {
		return addr, true
	}
	for _, a := range ownAddrs(addr.Addr().Is4()) {
		if to = netip.AddrPortFrom(a, addr.Port()); !slices.Contains(listened, to) {
			return to, true
		}
	}
	return addr, false
}

// ownAddrs returns addresses of this host, loopback ones first: IPv4 has as many as one likes.
func ownAddrs(is4 bool) (own []netip.Addr) {
	if is4 {
		for i := range byte(100) {
			own = append(own, netip.AddrFrom4([4]byte{127, 0, 0, 1 + i}))
		}
		return own
	}
	own = append(own, netip.IPv6Loopback())
	addrs, _ := net.InterfaceAddrs() // those of loopback do where there is no more to be known
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is6() && p.Addr().IsGlobalUnicast() {
			own = append(own, p.Addr())
		}
	}
	return own
}

// onThisHost reports whether packets to addr stay here.
func onThisHost(addr netip.Addr) bool {
	if addr.IsUnspecified() || addr.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == addr
	})
}
