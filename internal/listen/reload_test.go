package listen

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReload changes the addresses while serving: a Front for the new ones is served before
// the old one's context ends. Nothing asked of an address in both is lost, over UDP and TCP,
// whichever Front took it; an address that was dropped is closed, and a new one answers.
func TestReload(t *testing.T) {
	for name, h := range map[string]Handler{"now": echo, "late": delayed(20 * time.Millisecond)} {
		t.Run(name, func(t *testing.T) { reload(t, h) })
	}
}

func reload(t *testing.T, h Handler) {
	old := start(t, Config{Drain: 20 * time.Second}, h, "127.0.0.1:0", "[::1]:0")
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
	time.Sleep(100 * time.Millisecond)

	fresh := start(t, Config{FirstReader: old.Readers()}, h, kept.String(), added.String())
	begin := time.Now()
	if err := old.stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("left after %v: it still got queries", d)
	}
	time.Sleep(100 * time.Millisecond)
	udp.end(t)
	tcp.end(t)
	logShares(t, old, fresh)

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
