package listen

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
)

// TestOpenErrors names the address, the cause and the remedy, and leaves nothing open, which
// TestMain checks.
func TestOpenErrors(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	for _, tt := range []struct {
		addr    string
		udpOnly bool
		errno   syscall.Errno
		want    string
	}{
		{udp.LocalAddr().String(), true, unix.EADDRINUSE, "udp " + udp.LocalAddr().String() + ": bind: address already in use: a process that"},
		{tcp.Addr().String(), false, unix.EADDRINUSE, "tcp " + tcp.Addr().String()},
		{"192.0.2.1:53", false, unix.EADDRNOTAVAIL, "no interface has the address"},
		{"[2001:db8::1]:53", true, unix.EADDRNOTAVAIL, "no interface has the address"},
	} {
		_, err := Open(Config{
			Addrs:   []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort(tt.addr)},
			UDPOnly: tt.udpOnly,
		})
		var op *OpError
		if !errors.As(err, &op) || !errors.Is(err, tt.errno) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.addr, err)
		}
	}
	denied := &OpError{"bind", "udp", netip.MustParseAddrPort("127.0.0.1:53"), unix.EACCES}
	if !strings.Contains(denied.Error(), "NET_BIND_SERVICE") {
		t.Error(denied)
	}
}

// TestSockets has so many sockets of each kind as are asked for, or one for every CPU that is
// online. Each is for what arrives on a CPU of its own, as long as there are enough.
func TestSockets(t *testing.T) {
	cpus := onlineCPUs()
	for sockets, want := range map[int]int{0: len(cpus), 1: 1, 2: 2, 3: 3, 8: 8} {
		f := open(t, Config{Sockets: sockets}, "127.0.0.1:0")
		var fds []int
		for fd := range f.tcp.listeners {
			fds = append(fds, fd)
		}
		slices.Sort(fds)
		for _, s := range f.udp {
			s.conn.Control(func(fd uintptr) { fds = append(fds, int(fd)) })
		}
		if len(fds) != 2*want {
			t.Errorf("%d sockets, want %d of each kind", len(fds), want)
		}
		for i, fd := range fds {
			cpu, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_INCOMING_CPU)
			if i %= want; err != nil || cpu != cpus[i%len(cpus)] {
				t.Errorf("of %d sockets, number %d is for CPU %d (%v)", want, i, cpu, err)
			}
		}
		f.Close()
	}
}

// TestFreeBind opens addresses that no interface has.
func TestFreeBind(t *testing.T) {
	open(t, Config{FreeBind: true}, "192.0.2.1:0", "[2001:db8::1]:0").Close()
}

// TestUDPOnly leaves the TCP port alone.
func TestUDPOnly(t *testing.T) {
	r := start(t, Config{UDPOnly: true}, echo, "127.0.0.1:0")
	if got := ask(t, dial(t, "udp", r.Addrs()[0]), "query"); got != "query" {
		t.Errorf("answer %q", got)
	}
	if c, err := net.Dial("tcp", r.Addrs()[0].String()); err == nil {
		c.Close()
		t.Error("something listens on the TCP port")
	}
}

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string][]int{
		"0":       {0},
		"0-3":     {0, 1, 2, 3},
		"0,2-3,8": {0, 2, 3, 8},
		"":        nil,
		"x":       nil,
	} {
		if got := parseCPUs(list); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", list, got, want)
		}
	}
	if len(onlineCPUs()) == 0 {
		t.Error("no CPU is online")
	}
}

// TestFilesUsedUp accepts more connections than there may be files: the idlest goes.
func TestFilesUsedUp(t *testing.T) {
	f := open(t, Config{Sockets: 1}, "127.0.0.1:0")
	for range 20 {
		defer dial(t, "tcp", f.Addrs()[0]).Close()
	}
	limitFiles(t, 5)
	r := serve(t, f, echo)
	testkit.Eventually(t, "all accepted", func() bool { return r.counts().TCP.Accepted == 20 })
	if s := r.counts().TCP; s.Open == 0 || s.Open > 5 || s.Evicted != 20-uint64(s.Open) {
		t.Errorf("%+v", s)
	}
}

// TestFilesNone has no file left and no connection to close. One is accepted once there is.
func TestFilesNone(t *testing.T) {
	f := open(t, Config{}, "127.0.0.1:0")
	c := dial(t, "tcp", f.Addrs()[0])
	defer c.Close()
	restore := limitFiles(t, 0)
	r := serve(t, f, echo)
	time.Sleep(50 * time.Millisecond) // the front tries in vain, which leaves no trace to wait for
	if n := r.counts().TCP.Accepted; n != 0 {
		t.Errorf("%d accepted", n)
	}
	restore()
	if !isOpen(c) {
		t.Error("not served")
	}
}

// limitFiles lets count more files be opened, until the test ends or restore is called.
func limitFiles(t *testing.T, count uint64) (restore func()) {
	t.Helper()
	lowest, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(lowest)
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	restore = func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &files) }
	t.Cleanup(restore)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest) + count, Max: files.Max}); err != nil {
		t.Fatal(err)
	}
	return restore
}

// TestReaders counts by reader without a lock, in two Fronts. The race detector would object if two
// readers had one number. Each reader gets what its own socket receives; TCP has the last number.
func TestReaders(t *testing.T) {
	const addrs, sockets = 2, 3
	var counts [2 * (addrs*sockets + 1)]struct {
		udp, tcp int
		asked    map[netip.AddrPort]bool
	}
	count := func(dst, query []byte, c *Client) []byte {
		n := &counts[c.Reader]
		if c.TCP {
			n.tcp++
			return append(dst, query...)
		}
		if n.udp++; n.asked == nil {
			n.asked = map[netip.AddrPort]bool{}
		}
		n.asked[c.Local] = true
		return append(dst, query...)
	}
	first := 0
	var list []*running
	for range 2 {
		r := start(t, Config{Sockets: sockets, FirstReader: first}, count, "127.0.0.1:0", "[::1]:0")
		if n := r.Readers(); n != addrs*sockets+1 {
			t.Fatalf("%d readers", n)
		}
		list = append(list, r)
		first += r.Readers()
	}
	const each = 50
	for range each {
		for _, r := range list {
			for _, addr := range r.Addrs() {
				ask(t, dial(t, "udp", addr), "query")
				c := dial(t, "tcp", addr)
				isOpen(c)
				c.Close()
			}
		}
	}
	for i, r := range list {
		r.stop()
		mine := counts[i*r.Readers():][:r.Readers()]
		last := len(mine) - 1
		udp := 0
		for reader, n := range mine[:last] {
			udp += n.udp
			delete(n.asked, r.Front.udp[reader].addr)
			if n.tcp != 0 || len(n.asked) > 0 {
				t.Errorf("front %d, reader %d: %+v", i, reader, n)
			}
		}
		if udp != each*addrs || mine[last].tcp != each*addrs || mine[last].udp != 0 {
			t.Errorf("front %d: %+v", i, mine)
		}
	}
}

// TestReadersUDPOnly has no reader for TCP.
func TestReadersUDPOnly(t *testing.T) {
	f := open(t, Config{Sockets: 2, UDPOnly: true, Addrs: []netip.AddrPort{}}, "127.0.0.1:0")
	defer f.Close()
	if n := f.Readers(); n != 2 {
		t.Errorf("%d readers, want 2", n)
	}
}

// TestReadersAt tells which sockets get what is sent to an address.
func TestReadersAt(t *testing.T) {
	f := open(t, Config{Sockets: 2, FirstReader: 7}, "127.0.0.1:0", "0.0.0.0:0")
	defer f.Close()
	own, everywhere := f.Addrs()[0], f.Addrs()[1]
	for _, test := range []struct {
		addr netip.AddrPort
		want []int
	}{
		{own, []int{7, 8}},
		{everywhere, []int{9, 10}},
		{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), everywhere.Port()), []int{9, 10}},
		{netip.AddrPortFrom(own.Addr(), everywhere.Port()), []int{9, 10}},
		{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), own.Port()), nil},
		{netip.AddrPortFrom(netip.MustParseAddr("::1"), everywhere.Port()), nil},
	} {
		if got := f.ReadersAt(test.addr); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, expected %v", test.addr, got, test.want)
		}
	}
}

// TestReceived gives the handler the time at which a query was taken from its socket, anew for each
// query that comes alone.
func TestReceived(t *testing.T) {
	times := make(chan time.Time, 1)
	r := start(t, Config{}, func(dst, query []byte, c *Client) []byte {
		times <- c.Received
		return append(dst, query...)
	}, "127.0.0.1:0")
	for _, network := range []string{"udp", "tcp"} {
		c := dial(t, network, r.Addrs()[0])
		for range 3 {
			before := time.Now()
			ask(t, c, string(frame("query")))
			if got := <-times; got.Before(before) || got.After(time.Now()) {
				t.Errorf("%s: received at %v, asked at %v", network, got, before)
			}
		}
	}
}
