package listen

import (
	"errors"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// dual reports whether a socket for addr takes IPv4 too.
func (c *Config) dual(addr netip.Addr) bool { return c.DualStack && addr == netip.IPv6Unspecified() }

// bindAddr returns the address to bind to for addr, one of Config.Addrs.
func (c *Config) bindAddr(addr netip.AddrPort) netip.AddrPort {
	if !c.DualStack || !addr.Addr().IsUnspecified() {
		return addr
	}
	if !mapsIPv4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), addr.Port())
}

// mapsIPv4 reports whether IPv6 sockets of this machine take IPv4. It tries what Go's package net
// tries (ipStackCapabilities in net/ipsock_posix.go), because a socket for IPv4 alone is in no group
// with one for both.
func mapsIPv4() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return false
	}
	defer closeFD(fd)
	if unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0) != nil {
		return false
	}
	loopback := netip.MustParseAddr("::ffff:127.0.0.1")
	return unix.Bind(fd, &unix.SockaddrInet6{Addr: loopback.As16()}) == nil
}

// adopt returns a descriptor of ours for a socket of the given kind, SOCK_DGRAM or SOCK_STREAM, that
// somebody else has opened, and its address.
func adopt(given syscall.Conn, kind int, c *Config) (fd int, addr netip.AddrPort, err error) {
	network := "udp"
	if kind == unix.SOCK_STREAM {
		network = "tcp"
	}
	fd, err = duplicate(given)
	if err != nil {
		return -1, addr, &OpError{"dup", network, addr, err}
	}
	addr = localAddr(fd)
	op, err := "SO_TYPE", checkKind(fd, kind)
	if err == nil {
		op, err = set(fd, lateOptions(kind, addr.Addr(), c))
	}
	if err == nil {
		op, err = "fcntl", unix.SetNonblock(fd, true) // our system calls must return at once
	}
	if err != nil {
		closeFD(fd)
		return -1, addr, &OpError{op, network, addr, err}
	}
	return fd, addr, nil
}

func duplicate(given syscall.Conn) (fd int, err error) {
	raw, err := given.SyscallConn()
	if err != nil {
		return -1, err
	}
	var errDup error
	err = raw.Control(func(old uintptr) { fd, errDup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, errDup)
}

// errKind says that a socket is of another kind than Given says.
var errKind = errors.New("not a packet connection under UDP, or not a listener under TCP")

func checkKind(fd, kind int) error {
	found, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return err
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return err
	}
	if found != kind || listens != 0 != (kind == unix.SOCK_STREAM) {
		return errKind
	}
	return nil
}
