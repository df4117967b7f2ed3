package listen

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
)

// beside are sockets as CoreDNS opens them (plugin/pkg/reuseport), on one port for both families and
// for UDP and TCP. They answer "beside".
type beside struct {
	port     uint16
	packet   net.PacketConn
	listener net.Listener
	udp, tcp atomic.Int64 // queries
	readers  sync.WaitGroup
}

// openBeside opens them. Go's listeners speak Multipath TCP too where the kernel does (net.ListenConfig);
// multipath false leaves that out.
func openBeside(multipath bool) (b *beside, err error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return err
	}}
	lc.SetMultipathTCP(multipath)
	for range 10 { // the port that is free for TCP may be taken for UDP
		b = &beside{}
		if b.listener, err = lc.Listen(context.Background(), "tcp", ":0"); err != nil {
			return nil, err
		}
		b.port = uint16(b.listener.Addr().(*net.TCPAddr).Port)
		if b.packet, err = lc.ListenPacket(context.Background(), "udp", fmt.Sprintf(":%d", b.port)); err == nil {
			return b, nil
		}
		b.listener.Close()
	}
	return nil, err
}

func (b *beside) serve() {
	b.readers.Go(func() {
		for buf := make([]byte, 512); ; {
			_, from, err := b.packet.ReadFrom(buf)
			if err != nil {
				return
			}
			b.udp.Add(1)
			b.packet.WriteTo([]byte("beside"), from)
		}
	})
	b.readers.Go(func() {
		for {
			c, err := b.listener.Accept()
			if err != nil {
				return
			}
			b.readers.Go(func() { b.serveConn(c) })
		}
	})
}

func (b *beside) serveConn(c net.Conn) {
	defer c.Close()
	for {
		if _, err := readFrame(c); err != nil {
			return
		}
		b.tcp.Add(1)
		c.Write(frame("beside"))
	}
}

func (b *beside) close() {
	b.packet.Close()
	b.listener.Close()
	b.readers.Wait()
}

func (b *beside) at(addr string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), b.port)
}

func startBeside(t *testing.T) *beside {
	t.Helper()
	b, err := openBeside(true)
	if err != nil {
		t.Fatal(err)
	}
	b.serve()
	t.Cleanup(b.close)
	return b
}

// TestDualBeside opens a front beside sockets of Go on the same port, under load. They receive
// nothing while it stands, and everything again when it has left; nothing is lost on the way.
func TestDualBeside(t *testing.T) {
	b := startBeside(t)
	for _, listen := range []string{"0.0.0.0", "::"} {
		var udp, tcp asker
		for i, addr := range []string{"127.0.0.1", "::1"} {
			udp.run(4, askUDPOnce(b.at(addr)))
			local := netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)})
			if addr == "::1" {
				local = netip.IPv6Loopback()
			}
			tcp.run(4, askTCPOnce(b.at(addr), local))
		}
		udp.more(t)
		tcp.more(t)
		f := open(t, Config{DualStack: true, Drain: testkit.Patience}, b.at(listen).String())
		var ours counter
		r := serve(t, f, ours.of(echo))
		// What the kernel gave to the others before is answered before the first of these.
		udp.more(t)
		tcp.more(t)
		beforeUDP, beforeTCP := b.udp.Load(), b.tcp.Load()
		for range 10 {
			udp.more(t)
			tcp.more(t)
		}
		if u, c := b.udp.Load()-beforeUDP, b.tcp.Load()-beforeTCP; u+c != 0 {
			t.Errorf("%s: the other sockets got %d queries over UDP and %d over TCP", listen, u, c)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		u, c := ours.udp.Load(), ours.tcp.Load()
		udp.more(t)
		tcp.more(t)
		if ours.udp.Load() != u || ours.tcp.Load() != c || b.udp.Load() == beforeUDP || b.tcp.Load() == beforeTCP {
			t.Errorf("%s: the other sockets don't get the queries back", listen)
		}
		t.Logf("%s: ours got %d over UDP and %d over TCP", listen, u, c)
		udp.end(t)
		tcp.end(t)
	}
}

// TestDualLeave shows that sockets for both families which leave keep what they have, and get
// nothing more.
func TestDualLeave(t *testing.T) {
	leaveGroup(t, Config{UDPOnly: true, DualStack: true}, "[::]:0", "127.0.0.1", "127.0.0.2", "::1")
}

// TestDualTurn keeps the device of an address only where the route needs it.
func TestDualTurn(t *testing.T) {
	for addr, want := range map[string]uint32{
		"fe80::1": 7, "2001:db8::1": 0, "::ffff:10.0.0.1": 0, "::ffff:169.254.20.10": 0,
	} {
		var c control
		c.header().Level = unix.IPPROTO_IPV6
		info := (*unix.Inet6Pktinfo)(c.data())
		info.Addr, info.Ifindex = netip.MustParseAddr(addr).As16(), 7
		if c.turn(); info.Ifindex != want {
			t.Errorf("%s: device %d, want %d", addr, info.Ifindex, want)
		}
		if got := c.local(); got != netip.MustParseAddr(addr).Unmap() {
			t.Errorf("%s: local address %v", addr, got)
		}
	}
}

// TestDualWithoutIPv6 listens beside a socket of Go where IPv6 is missing: switched off in a network
// namespace, and in the kernel, as far as a process can tell. Both take the same kind of socket.
func TestDualWithoutIPv6(t *testing.T) {
	for how, want := range map[string]string{"sysctl": "::", "kernel": "0.0.0.0"} {
		t.Run(how, func(t *testing.T) {
			c := startChild(t, "without6", how)
			if got := c.line(t); got != want {
				t.Errorf("listens on %q, want %q", got, want)
			}
			if got := c.line(t); got != "left" {
				t.Errorf("%q, want left", got)
			}
		})
	}
}

// without6 takes IPv6 from this process. Then it checks that a Front takes all queries from a socket
// of Go, and gives them back. It prints the address that the Front is bound to, and "left".
func without6(args []string) error {
	take := map[string]func() error{"sysctl": sysctlWithout6, "kernel": kernelWithout6}[args[0]]
	if err := take(); err != nil {
		return fmt.Errorf("taking IPv6: %w", err)
	}
	b, err := openBeside(true)
	if err != nil {
		return err
	}
	b.serve()
	defer b.close()
	cfg := Config{DualStack: true, Addrs: []netip.AddrPort{b.at("::")}}
	f, err := Open(cfg)
	if err != nil {
		return err
	}
	fmt.Println(f.Addrs()[0].Addr())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Serve(ctx, echo) }()
	err = askAll(b.at("127.0.0.1"), "query")
	cancel()
	if left := <-done; err == nil {
		err = left
	}
	if err != nil {
		return err
	}
	// These leave and stay open. They are no members of the group any more.
	cfg.UDPOnly = true
	if f, err = Open(cfg); err != nil {
		return err
	}
	defer f.Close()
	for _, s := range f.udp {
		s.leave(time.Now())
	}
	if err := askAll(b.at("127.0.0.1"), "beside"); err != nil {
		return err
	}
	fmt.Println("left")
	return nil
}

// askAll asks often over UDP and TCP, and wants the same answer each time.
func askAll(addr netip.AddrPort, want string) error {
	for range 50 {
		for _, network := range []string{"udp", "tcp"} {
			c, err := net.Dial(network, addr.String())
			if err != nil {
				return err
			}
			c.SetDeadline(time.Now().Add(testkit.Patience))
			var got string
			if network == "tcp" {
				c.Write(frame("query"))
				got, err = readFrame(c)
			} else {
				c.Write([]byte("query"))
				buf := make([]byte, 512)
				n, errRead := c.Read(buf)
				got, err = string(buf[:n]), errRead
			}
			c.Close()
			if got != want {
				return fmt.Errorf("%s: answer %q, want %q; %v", network, got, want, err)
			}
		}
	}
	return nil
}

// sysctlWithout6 switches IPv6 off in the network namespace, which must be the child's own.
func sysctlWithout6() error {
	out, err := exec.Command("sh", "-ec", `
		for d in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done
		ip link set lo up`).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// kernelWithout6 lets no socket of IPv6 be opened (seccomp(2)), as a kernel that was started with
// ipv6.disable=1.
func kernelWithout6() error {
	const number, family = 0, 16 // in struct seccomp_data
	program := [...]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SOCKET, Jt: 0, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: family},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AF_INET6, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	return filter(program[:])
}

// filter has a program say for each system call what becomes of it.
func filter(program []unix.SockFilter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}

// TestWithout has no system call that takes or sends several datagrams. Opening a Front fails, as nobody
// would see what its sockets receive.
func TestWithout(t *testing.T) {
	for _, call := range []int{unix.SYS_RECVMMSG, unix.SYS_SENDMMSG} {
		c := startChild(t, "without", call)
		if got := c.line(t); !strings.HasSuffix(got, "mmsg: function not implemented") {
			t.Errorf("%d: %q", call, got)
		}
	}
}

// without takes a system call from this process, and says why a Front can't be opened.
func without(args []string) error {
	call, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	const number = 0 // in struct seccomp_data
	if err := filter([]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}); err != nil {
		return err
	}
	_, err = Open(Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}})
	fmt.Println(err)
	return nil
}
