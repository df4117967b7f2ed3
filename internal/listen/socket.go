package listen

import (
	"encoding/binary"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listenBacklog is how many connections may wait to be accepted. The kernel lowers it to
// net.core.somaxconn.
const listenBacklog = 4096

// sendRoom is the room that we ask the kernel for, for the datagrams that a socket sends, in bytes.
const sendRoom = 1 << 20

// The room that we ask the kernel for, in bytes: StreamIn for what a connection has received, unless
// Limits.Room says otherwise, and streamOut for what it has yet to send. The kernel doubles both.
// Without them the room would grow to megabytes for a client that does not stop, or does not read, and
// all of it counts as ours. Queries are short, and we read them at once. Limits.Unsent bounds all
// answers that the kernel keeps.
const (
	StreamIn  = 4 << 10
	streamOut = 64 << 10
)

// noCPU is a number that no CPU has.
const noCPU = 1 << 20

// option is one socket option.
type option struct {
	level, name, value int
	label              string
	needed             bool // it must succeed
}

// socketOptions returns the options of a socket for addr, in the order in which to set them.
func socketOptions(kind int, addr netip.Addr, cpu int, c *Config) []option {
	list := []option{
		{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT", true},
		{unix.SOL_SOCKET, unix.SO_INCOMING_CPU, cpu, "SO_INCOMING_CPU", false},
	}
	if addr.Is6() {
		only := 1
		if c.dual(addr) {
			only = 0
		}
		list = append(list, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only, "IPV6_V6ONLY", true})
	}
	if c.FreeBind {
		list = append(list, freeBindOption(addr))
	}
	if kind == unix.SOCK_STREAM {
		// Connections that an earlier process on this port has closed must not keep us from it.
		list = append(list, option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1, "SO_REUSEADDR", true})
	}
	return append(list, lateOptions(kind, addr, c)...)
}

// lateOptions returns the options that a socket for addr may also get after it is bound.
func lateOptions(kind int, addr netip.Addr, c *Config) []option {
	if kind == unix.SOCK_STREAM {
		return []option{ // connections inherit them
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1, "TCP_NODELAY", true},
			{unix.SOL_SOCKET, unix.SO_RCVBUF, c.TCP.Room, "SO_RCVBUF", false},
			{unix.SOL_SOCKET, unix.SO_SNDBUF, streamOut, "SO_SNDBUF", false},
		}
	}
	return datagramOptions(addr, c.Queue/2) // the kernel doubles it
}

func freeBindOption(addr netip.Addr) option {
	if addr.Is4() {
		return option{unix.IPPROTO_IP, unix.IP_FREEBIND, 1, "IP_FREEBIND", true}
	}
	return option{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1, "IPV6_FREEBIND", true}
}

// datagramOptions returns the options that only UDP sockets have. The options named FORCE may
// exceed net.core.rmem_max, and need NET_ADMIN.
func datagramOptions(addr netip.Addr, room int) []option {
	list := []option{
		{unix.SOL_SOCKET, unix.SO_RCVBUF, room, "SO_RCVBUF", false},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, sendRoom, "SO_SNDBUF", false},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room, "SO_RCVBUFFORCE", false},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendRoom, "SO_SNDBUFFORCE", false},
	}
	// A forged ICMP message must not make us fragment answers (RFC 9715, section 3.1).
	// A socket for both families needs it for each.
	list = append(list, option{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT, "IP_MTU_DISCOVER", false})
	info := option{unix.IPPROTO_IP, unix.IP_PKTINFO, 1, "IP_PKTINFO", true}
	if addr.Is6() {
		list = append(list, option{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT, "IPV6_MTU_DISCOVER", false})
		info = option{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO", true}
	}
	if addr.IsUnspecified() {
		list = append(list, info)
	}
	return list
}

// openSocket returns a bound socket of kind SOCK_DGRAM, or a listening one of kind SOCK_STREAM. It
// takes what arrives on cpu.
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

// bind sets the options of fd, binds it, and lets a SOCK_STREAM listen. If it fails, op names the
// step.
func bind(fd, kind int, addr netip.AddrPort, options []option) (op string, err error) {
	if op, err := set(fd, options); err != nil {
		return op, err
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

// set sets the options of fd. If a needed one fails, op names it.
func set(fd int, options []option) (op string, err error) {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil && o.needed {
			return o.label, err
		}
	}
	return "", nil
}

// TurnAway sends new connections to other listeners on the same port. A listener must run dry
// before it is closed, because closing it resets the connections that wait in it or are still in
// their handshake.
//
// Since Linux 6.2 the kernel chooses a listener last if it waits for a CPU that does not exist.
// That is not enough if the other listeners do not cover the CPU in question, or the kernel is
// older. Then the filter drops the first packet of the handshake (SYN). The client repeats it after
// 1 s, when we are gone.
func TurnAway(listener int) {
	unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_INCOMING_CPU, noCPU)
	program := [...]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},                   // the flags of the TCP header, RFC 9293 section 3.1
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1}, // SYN?
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	unix.SetsockoptSockFprog(listener, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

// sockaddr is an address of either family as the kernel writes it.
type sockaddr struct {
	raw unix.RawSockaddrInet6
	len uint32 // bytes of raw in use
}

// sockaddrRoom is how many bytes recvmmsg and accept4 may write.
const sockaddrRoom = unix.SizeofSockaddrInet6

// addrPort translates what the kernel wrote. A socket for both families sees IPv4 addresses as IPv6
// ones (RFC 4291, section 2.5.5.2), which addrPort undoes. It leaves out the zone of a link-local address,
// because naming it would allocate.
func addrPort(sa *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	if sa.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port)
}

// toSockaddr translates an address to bind or connect to.
func toSockaddr(a netip.AddrPort) (unix.Sockaddr, error) {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		dev, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, err
		}
		sa.ZoneId = uint32(dev.Index)
	}
	return sa, nil
}

// localAddr returns the address that fd is bound to.
func localAddr(fd int) netip.AddrPort {
	sa, _ := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
