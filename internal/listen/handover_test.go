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
)

// asker asks over and over until told to stop, and counts what was lost.
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
		c.SetDeadline(time.Now().Add(3 * time.Second))
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
		c.SetDeadline(time.Now().Add(8 * time.Second))
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

// handover starts a second Front on the first one's ports, and stops the first; both again
// and again, each time the elder.
func handover(t *testing.T, addrs []string, h Handler, rounds int) {
	t.Helper()
	old := start(t, Config{}, h, addrs...)
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
		time.Sleep(100 * time.Millisecond)
		fresh := start(t, Config{}, h, addrs...)
		time.Sleep(100 * time.Millisecond)
		if err := old.stop(); err != nil {
			t.Error(err)
		}
		logShares(t, old, fresh)
		old = fresh
	}
	udp.end(t)
	tcp.end(t)
}

func logShares(t *testing.T, old, fresh *running) {
	sum := func(r *running) (n uint64) {
		for _, s := range r.UDP() {
			n += s.Queries
		}
		return n
	}
	t.Logf("old: %d, %d; new: %d, %d (UDP, TCP)", sum(old), old.TCP().Queries, sum(fresh), fresh.TCP().Queries)
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
	old := start(t, Config{}, echo, "127.0.0.1:0")
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
	time.Sleep(200 * time.Millisecond)
	if err := old.stop(); err != nil {
		t.Error(err)
	}
	time.Sleep(200 * time.Millisecond)
	tcp.end(t)
}
