package listen

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// give opens sockets as CoreDNS does, which nobody else serves.
func give(t *testing.T, multipath bool) (*beside, Given) {
	t.Helper()
	b, err := openBeside(multipath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	return b, Given{UDP: []syscall.Conn{b.packet.(*net.UDPConn)}, TCP: []syscall.Conn{b.listener.(*net.TCPListener)}}
}

// TestGiven serves on sockets that somebody else has opened, also when who opened them has closed
// theirs. Answers come from the address that was asked.
func TestGiven(t *testing.T) {
	b, given := give(t, true)
	clients := make(chan Client, 10)
	r := start(t, Config{Given: given}, func(dst, query []byte, c *Client) []byte {
		clients <- *c
		return append(dst, query...)
	})
	if n := r.Readers(); n != 2 || len(r.Addrs()) != 0 {
		t.Errorf("%d readers, addresses %v", n, r.Addrs())
	}
	for range 2 {
		for _, addr := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
			udp, tcp := dial(t, "udp", b.at(addr)), dial(t, "tcp", b.at(addr))
			if got := ask(t, udp, "query"); got != "query" {
				t.Errorf("%s: answer %q", addr, got)
			}
			if !isOpen(tcp) {
				t.Errorf("%s: no answer over TCP", addr)
			}
			for _, c := range []net.Conn{udp, tcp} {
				if got := <-clients; got.Local != b.at(addr) || got.Remote.String() != c.LocalAddr().String() {
					t.Errorf("client %+v, want local %v, remote %v", got, b.at(addr), c.LocalAddr())
				}
			}
		}
		b.packet.Close()
		b.listener.Close()
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// TestGivenFiles serves on files of sockets, and beside addresses of its own.
func TestGivenFiles(t *testing.T) {
	b, _ := give(t, true)
	packet, err := b.packet.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := b.listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	given := Given{UDP: []syscall.Conn{packet}, TCP: []syscall.Conn{listener}}
	r := start(t, Config{Given: given, Sockets: 2}, echo, "127.0.0.1:0")
	packet.Close()
	listener.Close()
	if n := r.Readers(); n != 2+1+1 {
		t.Errorf("%d readers", n)
	}
	for _, addr := range []netip.AddrPort{b.at("127.0.0.1"), r.Addrs()[0]} {
		if got := ask(t, dial(t, "udp", addr), "query"); got != "query" || !isOpen(dial(t, "tcp", addr)) {
			t.Errorf("%v: answer %q", addr, got)
		}
	}
}

// TestGivenHandover has Fronts take turns on the same sockets under load, as the servers of a reload
// do. Nothing is lost, and none that leaves goes on reading.
func TestGivenHandover(t *testing.T) {
	for name, h := range map[string]Handler{"now": echo, "late": delayed(20 * time.Millisecond)} {
		t.Run(name, func(t *testing.T) {
			b, given := give(t, true)
			old := start(t, Config{Given: given, Drain: testkit.Patience}, h)
			var udp, tcp asker
			udp.run(4, askUDPOnce(b.at("127.0.0.1")))
			udp.run(4, askUDPOnce(b.at("::1")))
			tcp.run(4, askTCPOnce(b.at("127.0.0.1"), netip.MustParseAddr("127.0.1.1")))
			for range 4 {
				udp.more(t)
				tcp.more(t)
				fresh := start(t, Config{Given: given, Drain: testkit.Patience}, h)
				udp.more(t)
				tcp.more(t)
				begin := time.Now()
				if err := old.stop(); err != nil {
					t.Error(err)
				}
				if d := time.Since(begin); d > testkit.Patience/2 {
					t.Errorf("left after %v: it still got queries", d)
				}
				old = fresh
			}
			udp.end(t)
			tcp.end(t)
		})
	}
}

// TestGivenLeave answers what waits in the sockets, and late, and takes nothing that comes after.
func TestGivenLeave(t *testing.T) {
	for _, multipath := range []bool{false, true} {
		givenLeave(t, multipath)
	}
}

func givenLeave(t *testing.T, multipath bool) {
	const count = 300
	b, given := give(t, multipath)
	f := open(t, Config{Given: given, Drain: testkit.Patience})
	udp := dial(t, "udp", b.at("127.0.0.1"))
	udp.(*net.UDPConn).SetReadBuffer(4 << 20)
	var tcp []net.Conn
	for i := range count {
		udp.Write([]byte("query"))
		if i < 3*acceptMost {
			tcp = append(tcp, dial(t, "tcp", b.at("127.0.0.1")))
			tcp[i].Write(frame("query"))
		}
	}
	r := serve(t, f, delayed(200*time.Millisecond))
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	for i := range count {
		if _, err := udp.Read(make([]byte, 512)); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	for i, c := range tcp {
		if all, err := io.ReadAll(c); err != nil || string(all) != string(frame("query")) {
			t.Errorf("connection %d: %q, %v", i, all, err)
		}
	}
	b.serve()
	if err := askAll(b.at("127.0.0.1"), "beside"); err != nil {
		t.Error(err)
	}
}

// TestGivenLeaveBusy leaves sockets that somebody else reads and that get more and more. It neither
// reads on nor runs in circles while an answer is still to come.
func TestGivenLeaveBusy(t *testing.T) {
	b, given := give(t, true)
	var h holder
	r := start(t, Config{Given: given, Drain: 2 * testkit.Patience}, h.handle)
	dial(t, "udp", b.at("127.0.0.1")).Write([]byte("query"))
	dial(t, "tcp", b.at("127.0.0.1")).Write(frame("query"))
	h.take(t, 2)

	ended, done := make(chan struct{}), make(chan struct{})
	c := dial(t, "udp", b.at("127.0.0.1"))
	c.SetDeadline(time.Time{}) // it asks to the end
	go func() {
		defer close(done)
		for {
			select {
			case <-ended:
				return
			case <-time.After(time.Millisecond): // much less than quietUDP
				c.Write([]byte("query"))
			}
		}
	}()
	defer func() { close(ended); <-done }()
	testkit.Eventually(t, "queries", func() bool { return len(h.take(t, 1)) > 10 })
	r.cancel()
	testkit.Eventually(t, "left to the others", func() bool {
		n := len(h.take(t, 1))
		time.Sleep(100 * time.Millisecond) // nothing tells that no more is read
		return len(h.take(t, 1)) == n
	})
	waiting := dial(t, "tcp", b.at("127.0.0.1")) // in the listener of the others
	time.Sleep(200 * time.Millisecond)           // time enough to run in circles
	for _, later := range h.take(t, 2) {
		later.Send(nil)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if n := r.tcp.round; n > 1000 {
		t.Errorf("%d rounds while there was nothing to do", n)
	}
	b.serve()
	if !isOpen(waiting) {
		t.Error("the connection that came later was lost")
	}
}

// TestGivenWrong refuses what is no such socket, and leaves nothing open, which TestMain checks.
func TestGivenWrong(t *testing.T) {
	b, given := give(t, true)
	conn := dial(t, "tcp", b.at("127.0.0.1")).(*net.TCPConn)
	closed := dial(t, "udp", b.at("127.0.0.1")).(*net.UDPConn)
	closed.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for i, wrong := range []Given{
		{UDP: given.TCP}, {TCP: given.UDP}, {TCP: []syscall.Conn{conn}},
		{UDP: []syscall.Conn{file}}, {UDP: []syscall.Conn{closed}, TCP: given.TCP},
	} {
		if _, err := Open(Config{Given: wrong}); err == nil || !strings.Contains(err.Error(), "p ") {
			t.Errorf("%d: %v", i, err)
		} else {
			t.Log(fmt.Sprint(err))
		}
	}
}
