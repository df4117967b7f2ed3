package listen

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// listenBacklog is how many connections may wait to be accepted; the kernel lowers it to
// net.core.somaxconn.
const listenBacklog = 4096

// sendRoom is the room asked of the kernel for datagrams that a socket sends, octets.
const sendRoom = 1 << 20

// The room asked of the kernel for what a connection has received, and for what it has yet to
// send, octets. The kernel doubles them. Left alone they would grow to megabytes for a client
// that does not stop or does not read, all of them counted as ours. Queries are short, and read
// at once; what the kernel keeps of answers is bounded in all, see Limits.Unsent.
const (
	StreamIn  = 4 << 10
	StreamOut = 64 << 10
)

// noCPU is no CPU's number.
const noCPU = 1 << 20

// option is one socket option. A needed one must succeed.
type option struct {
	level, name, value int
	label              string
	needed             bool
}

// socketOptions returns the options of one socket for addr, in the order to set them.
func socketOptions(kind int, addr netip.Addr, cpu int, c *Config) []option {
	list := []option{
		{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT", true},
		{unix.SOL_SOCKET, unix.SO_INCOMING_CPU, cpu, "SO_INCOMING_CPU", false},
	}
	if addr.Is6() {
		list = append(list, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, "IPV6_V6ONLY", true})
	}
	if c.FreeBind {
		list = append(list, freeBindOption(addr))
	}
	if kind == unix.SOCK_STREAM {
		return append(list,
			// Connections that the last process on this port closed must not keep us from it.
			option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1, "SO_REUSEADDR", true},
			option{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, "TCP_NODELAY", true},
			option{unix.SOL_SOCKET, unix.SO_RCVBUF, StreamIn, "SO_RCVBUF", false},
			option{unix.SOL_SOCKET, unix.SO_SNDBUF, StreamOut, "SO_SNDBUF", false})
	}
	return append(list, datagramOptions(addr, c.Queue/2)...) // the kernel doubles it
}

func freeBindOption(addr netip.Addr) option {
	if addr.Is4() {
		return option{unix.IPPROTO_IP, unix.IP_FREEBIND, 1, "IP_FREEBIND", true}
	}
	return option{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1, "IPV6_FREEBIND", true}
}

// datagramOptions returns those of a UDP socket. The options named FORCE exceed
// net.core.rmem_max but need NET_ADMIN.
func datagramOptions(addr netip.Addr, room int) []option {
	list := []option{
		{unix.SOL_SOCKET, unix.SO_RCVBUF, room, "SO_RCVBUF", false},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, sendRoom, "SO_SNDBUF", false},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room, "SO_RCVBUFFORCE", false},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendRoom, "SO_SNDBUFFORCE", false},
	}
	// A forged ICMP message must not make us fragment answers (RFC 9715, section 3.1).
	level, discover, omit := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT
	info := option{unix.IPPROTO_IP, unix.IP_PKTINFO, 1, "IP_PKTINFO", true}
	if addr.Is6() {
		level, discover, omit = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT
		info = option{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO", true}
	}
	list = append(list, option{level, discover, omit, "MTU_DISCOVER", false})
	if addr.IsUnspecified() {
		list = append(list, info)
	}
	return list
}

// openSocket returns a bound socket of kind SOCK_DGRAM, or a listening one of SOCK_STREAM,
// that takes what arrives on cpu.
func openSocket(kind int, addr netip.AddrPort, cpu int, c *Config) (int, error) {
	network, family := "udp", unix.AF_INET
	if kind == unix.SOCK_STREAM {
		network = "tcp"
	}
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, &OpError{"socket", network, addr, err}
	}
	if op, err := bind(fd, kind, addr, socketOptions(kind, addr.Addr(), cpu, c)); err != nil {
		closeFD(fd)
		return -1, &OpError{op, network, addr, err}
	}
	return fd, nil
}

// bind readies fd, and names the step that failed.
func bind(fd, kind int, addr netip.AddrPort, options []option) (op string, err error) {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil && o.needed {
			return o.label, err
		}
	}
	sa, err := toSockaddr(addr)
	if err != nil {
		return "zone", err
	}
	if err := unix.Bind(fd, sa); err != nil {
		return "bind", err
	}
	if kind == unix.SOCK_STREAM {
		return "listen", unix.Listen(fd, listenBacklog)
	}
	return "", nil
}
