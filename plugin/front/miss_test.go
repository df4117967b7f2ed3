package front

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// TestBound has one client take as many places as it may have: one more query is
// dropped, over TCP with an error, but another client's is answered.
func TestBound(t *testing.T) {
	addr := testkit.FreeAddr(t)
	s := newServer(t, addr, text("x"))
	start(t, s)
	f, log := newFronts()
	beside(t, f, s)
	local := addr.Addr()
	for range mostMisses / 2 {
		if !f.misses.take(local, mostMisses) {
			t.Fatal("no room")
		}
	}
	c := dns.Client{Timeout: soon}
	for range 2 {
		if r, _, err := c.Exchange(new(dns.Msg).SetQuestion("a.example.", dns.TypeTXT), addr.String()); err == nil {
			t.Errorf("an answer: %v", r)
		}
	}
	c = dns.Client{Net: "tcp", Timeout: testkit.Patience}
	r, _, err := c.Exchange(new(dns.Msg).SetQuestion("a.example.", dns.TypeTXT), addr.String())
	if err != nil || r.Rcode != dns.RcodeServerFailure {
		t.Errorf("over TCP: %v, %v", r, err)
	}
	testkit.Eventually(t, "all are counted", func() bool { return f.misses.refused.Load() == 3 })
	if n := log.having("more from there get no answer, or SERVFAIL over TCP"); n != 1 {
		t.Errorf("%d lines", n)
	}
	c = dns.Client{Timeout: testkit.Patience, Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}}
	if _, _, err := c.Exchange(new(dns.Msg).SetQuestion("a.example.", dns.TypeTXT), addr.String()); err != nil {
		t.Errorf("another client: %v", err)
	}
	for range mostMisses / 2 {
		f.misses.free(local)
	}
	if got, err := ask("udp", addr, "a.example."); got != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPlaces has clients take all that they get. There are never more than there are, and each client
// that comes late still gets some.
func TestPlaces(t *testing.T) {
	var p places
	const most = 1000
	var clients []netip.Addr
	got := map[netip.Addr]int{}
	for n := range 5 {
		clients = append(clients, netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}))
		for _, c := range clients {
			for p.take(c, most) {
				got[c]++
			}
		}
		if c := clients[n]; got[c] == 0 {
			t.Errorf("nothing for client %d", n)
		}
	}
	if n := p.taken.Load(); n > most || got[clients[0]] != most/2 {
		t.Errorf("%d are taken, %v", n, got)
	}
	for c, n := range got {
		for range n {
			p.free(c)
		}
	}
	if n := p.taken.Load(); n != 0 {
		t.Errorf("%d stay taken", n)
	}
}

// TestTransfers asks for many zones on one connection, and takes nothing. Only some are sent at a time,
// and queries are answered meanwhile.
func TestTransfers(t *testing.T) {
	addr := testkit.FreeAddr(t)
	var open atomic.Int64
	end := make(chan struct{})
	s := newServer(t, addr, func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) {
		if r.Question[0].Qtype == dns.TypeAXFR {
			open.Add(1)
			<-end
		}
		_ = w.WriteMsg(txt(r, "x"))
	})
	start(t, s)
	f, log := newFronts()
	beside(t, f, s)
	conn, err := dns.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const asked = 100
	for range asked {
		if err := conn.WriteMsg(new(dns.Msg).SetAxfr("example.")); err != nil {
			t.Fatal(err)
		}
	}
	for range asked - mostTransfers/2 {
		if m, err := conn.ReadMsg(); err != nil || m.Rcode != dns.RcodeServerFailure || len(m.Question) != 1 {
			t.Fatalf("%v, %v", m, err)
		}
	}
	testkit.Eventually(t, "the others have begun", func() bool { return open.Load() == mostTransfers/2 })
	if n := log.having("zones are being sent"); n != 1 {
		t.Errorf("%d lines", n)
	}
	if got, err := ask("tcp", addr, "a.example."); got != "x" {
		t.Errorf("%q, %v", got, err)
	}
	close(end)
	for range mostTransfers / 2 {
		if m, err := conn.ReadMsg(); err != nil || m.Rcode != dns.RcodeSuccess {
			t.Fatalf("%v, %v", m, err)
		}
	}
}
