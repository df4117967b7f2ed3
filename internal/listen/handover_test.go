package listen

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
)

// asker asks over and over until end is called, and counts what was lost.
type asker struct {
	clients sync.WaitGroup
	ended   atomic.Bool
	asked   atomic.Int64
	lost    atomic.Int64
	last    atomic.Value // the last error
}

// run asks with n clients at a time. Each call of once asks one question.
func (a *asker) run(n int, once func() error) {
	for range n {
		a.clients.Go(func() {
			for !a.ended.Load() {
				a.asked.Add(1)
				if err := once(); err != nil {
					a.lost.Add(1)
					a.last.Store(err.Error())
				}
			}
		})
	}
}

// more waits until the clients have asked at least 100 times more.
func (a *asker) more(t *testing.T) {
	t.Helper()
	before := a.asked.Load()
	testkit.Eventually(t, "queries", func() bool { return a.asked.Load() >= before+100 })
}

// end stops the clients, and fails the test if anything was lost.
func (a *asker) end(t *testing.T) {
	t.Helper()
	a.ended.Store(true)
	a.clients.Wait()
	if n := a.lost.Load(); n > 0 {
		t.Errorf("%d of %d lost, such as: %v", n, a.asked.Load(), a.last.Load())
	}
	t.Logf("%d asked", a.asked.Load())
}

// askUDPOnce asks from a port of its own, since the kernel picks the socket by the port.
func askUDPOnce(addr netip.AddrPort) func() error {
	return func() error {
		c, err := net.Dial("udp", addr.String())
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(testkit.Patience))
		c.Write([]byte("query"))
		_, err = c.Read(make([]byte, 512))
		return err
	}
}

// askTCPOnce asks on a connection of its own, and takes most of a handshake's time for it.
func askTCPOnce(addr netip.AddrPort, local netip.Addr) func() error {
	return func() error {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
		c, err := d.Dial("tcp", addr.String())
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(testkit.Patience))
		c.Write(frame("query"))
		if _, err := readFrame(c); err != nil {
			return err
		}
		if c.(*net.TCPConn).SetLinger(0) != nil { // no port may be left waiting
			return errors.New("SetLinger failed")
		}
		return nil
	}
}

// handover starts a second Front on the ports of the first, and stops the first. It does so again
// and again, and always stops the older one.
func handover(t *testing.T, addrs []string, h Handler, rounds int) {
	t.Helper()
	old := start(t, Config{Drain: testkit.Patience}, h, addrs...)
	for i := range addrs {
		addrs[i] = old.Addrs()[i].String()
	}
	var udp, tcp asker
	for i, addr := range old.Addrs() {
		addr = reach(addr)
		udp.run(4, askUDPOnce(addr))
		local := addr.Addr()
		if local.Is4() {
			local = netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)})
		}
		tcp.run(4, askTCPOnce(addr, local))
	}
	for range rounds {
		udp.more(t)
		tcp.more(t)
		fresh := start(t, Config{Drain: testkit.Patience}, h, addrs...)
		udp.more(t)
		tcp.more(t)
		if err := old.stop(); err != nil {
			t.Error(err)
		}
		old = fresh
	}
	udp.end(t)
	tcp.end(t)
}

// TestHandover loses nothing under load while processes take turns on one port.
func TestHandover(t *testing.T) {
	handover(t, []string{"127.0.0.1:0", "[::1]:0"}, echo, 4)
}

// TestHandoverWildcard is the same on sockets bound to no address.
func TestHandoverWildcard(t *testing.T) {
	handover(t, []string{"0.0.0.0:0"}, echo, 2)
}

// TestHandoverLate is the same with answers that come late.
func TestHandoverLate(t *testing.T) {
	handover(t, []string{"127.0.0.1:0"}, delayed(30*time.Millisecond), 4)
}

// TestHandoverUnmatched takes from the kernel what tells the listeners apart, as before Linux
// 6.2: then some connections wait for a second packet, and still none is lost.
func TestHandoverUnmatched(t *testing.T) {
	old := start(t, Config{Drain: testkit.Patience}, echo, "127.0.0.1:0")
	addr := old.Addrs()[0]
	fresh := open(t, Config{}, addr.String())
	for fd := range fresh.tcp.listeners {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_INCOMING_CPU, noCPU); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, fresh, echo)
	var tcp asker
	tcp.run(8, askTCPOnce(addr, netip.MustParseAddr("127.0.1.1")))
	tcp.more(t)
	if err := old.stop(); err != nil {
		t.Error(err)
	}
	tcp.more(t)
	tcp.end(t)
}

// TestReload changes the addresses while serving: a Front for the new ones is served before
// the old one's context ends. Nothing asked of an address in both is lost, over UDP and TCP,
// whichever Front took it; an address that was dropped is closed, and a new one answers.
func TestReload(t *testing.T) {
	for name, h := range map[string]Handler{"now": echo, "late": delayed(20 * time.Millisecond)} {
		t.Run(name, func(t *testing.T) { reload(t, h) })
	}
}

func reload(t *testing.T, h Handler) {
	old := start(t, Config{Drain: testkit.Patience}, h, "127.0.0.1:0", "[::1]:0")
	port := old.Addrs()[0].Port()
	at := func(addr string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(addr), port) }
	dropped, kept, added := old.Addrs()[1], at("127.0.0.1"), at("127.0.0.2")

	var udp, tcp asker
	udp.run(4, askUDPOnce(kept))
	tcp.run(4, askTCPOnce(kept, netip.MustParseAddr("127.0.1.1")))
	long := dial(t, "tcp", kept)
	if !isOpen(long) {
		t.Fatal("closed before the reload")
	}
	udp.more(t)
	tcp.more(t)

	start(t, Config{FirstReader: old.Readers()}, h, kept.String(), added.String())
	begin := time.Now()
	if err := old.stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d > testkit.Patience/2 {
		t.Errorf("left after %v: it still got queries", d)
	}
	udp.more(t)
	tcp.more(t)
	udp.end(t)
	tcp.end(t)

	if isOpen(long) {
		t.Error("the connection to the old Front is open")
	}
	for _, addr := range []netip.AddrPort{kept, added} {
		ask(t, dial(t, "udp", addr), "query")
		if !isOpen(dial(t, "tcp", addr)) {
			t.Errorf("%v is not served", addr)
		}
	}
	if _, err := net.Dial("tcp", dropped.String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v: %v, want refused", dropped, err)
	}
	c := dial(t, "udp", dropped)
	c.Write([]byte("query"))
	if _, err := c.Read(make([]byte, 512)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v: %v, want refused", dropped, err)
	}
}
