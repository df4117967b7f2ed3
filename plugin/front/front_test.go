package front

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// TestPassOn shows what plugins see of a query that came through a front: the same as of one that
// came through CoreDNS's own sockets.
func TestPassOn(t *testing.T) {
	addr := testkit.FreeAddr(t)
	seen := func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) {
		server := ctx.Value(dnsserver.Key{}).(*dnsserver.Server).Addr
		state := request.Request{W: w, Req: r}
		_ = w.WriteMsg(txt(r, fmt.Sprint(server, ctx.Value(dnsserver.LoopKey{}), state.Proto(), state.IP(), w.LocalAddr(), w.TsigStatus())))
	}
	s := newServer(t, addr, seen)
	start(t, s)
	for _, network := range networks {
		before, err := ask(network, addr, "a.example.")
		if err != nil {
			t.Fatal(err)
		}
		f, log := newFronts()
		i := f.NewInstance(everywhere)
		i.Serve(s)
		after, err := ask(network, addr, "a.example.")
		if err != nil || after != before {
			t.Errorf("%s: %q, %v, want %q", network, after, err, before)
		}
		if len(f.at) == 0 || len(log.text) > 0 {
			t.Errorf("no front: %q", log.text)
		}
		i.Replaced()
	}
}

// TestLinkLocal has a front at a link-local address, as `bind` writes it. Plugins see the client's address
// with its zone.
func TestLinkLocal(t *testing.T) {
	port := testkit.FreePort(t)
	addr := netip.MustParseAddr(linkLocal).WithZone("veth0")
	s := newServer(t, netip.AddrPortFrom(addr, port), func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) {
		_ = w.WriteMsg(txt(r, netip.MustParseAddrPort(w.RemoteAddr().String()).Addr().String()))
	})
	start(t, s)
	f, log := newFronts()
	beside(t, f, s)
	for _, network := range networks {
		if got, err := ask(network, netip.AddrPortFrom(addr, port), "a.example."); got != addr.String() {
			t.Errorf("%s: %q, %v, want %v", network, got, err, addr)
		}
	}
	if len(f.at) != 1 {
		t.Errorf("no front: %q", log.text)
	}
}

// odd are messages that the DNS library's server does not hand to CoreDNS, or hands over although they
// are strange.
var odd = map[string]string{
	"query":                   "00010100 00010000 00000000 0161076578616d706c6500 00100001",
	"update":                  "00022800 00010000 00000000 0161076578616d706c6500 00060001",
	"notify":                  "00032000 00010000 00000000 0161076578616d706c6500 00060001",
	"opcode 14, flags":        "000477ff 00010000 00000000 0161076578616d706c6500 00060001",
	"response":                "00058100 00010000 00000000 0161076578616d706c6500 00100001",
	"no question":             "00060100 00000000 00000000",
	"two questions":           "00070100 00020000 00000000 0161076578616d706c6500 00100001 0161076578616d706c6500 00100001",
	"two answers":             "00080100 00010002 00000000 0161076578616d706c6500 00100001",
	"half a name":             "00090100 00010000 00000000 0161076578",
	"half a record":           "000a0100 00010000 00000001 0161076578616d706c6500 00100001 00002904d0",
	"class CH":                "000b0100 00010000 00000000 0161076578616d706c6500 00100003",
	"EDNS version 1":          "000c0100 00010000 00000001 0161076578616d706c6500 00100001 00002904d0000100000000",
	"not even a header":       "000d0100",
	"TSIG of a key not known": "000e0100 00010000 00000001 0161076578616d706c6500 00100001 036b657900 00fa00ff00000000 003a 0b686d61632d73686132353600 000065f00000 012c 0020 0000000000000000000000000000000000000000000000000000000000000000 000e 0000 0000",
}

// TestRefuse compares what is refused with what CoreDNS's own socket refuses.
func TestRefuse(t *testing.T) {
	own := testkit.FreeAddr(t)
	seen := func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) {
		_ = w.WriteMsg(txt(r, fmt.Sprint(w.TsigStatus())))
	}
	s := newServer(t, own, seen)
	start(t, s)
	g := newGeneration(s, nil)
	for name, text := range odd {
		query := unhex(t, text)
		want := datagram(t, own, query)
		var got kept
		g.ask(&writer{to: &got, remote: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, local: &net.UDPAddr{}}, query)
		if string(got) != string(want) {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
}

// TestStream sends an answer of several messages, and asks something else meanwhile.
func TestStream(t *testing.T) {
	addr := testkit.FreeAddr(t)
	next := make(chan struct{})
	s := newServer(t, addr, func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) {
		if r.Question[0].Qtype != dns.TypeAXFR {
			_ = w.WriteMsg(txt(r, "other"))
			return
		}
		for i := range 3 {
			_ = w.WriteMsg(txt(r, fmt.Sprint(i)))
			<-next
		}
		w.Hijack()
	})
	start(t, s)
	f, _ := newFronts()
	beside(t, f, s)
	conn, err := dns.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	read := func() string {
		m, err := conn.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		return m.Answer[0].(*dns.TXT).Txt[0]
	}
	if err := conn.WriteMsg(new(dns.Msg).SetAxfr("example.")); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if got := read(); got != fmt.Sprint(i) {
			t.Errorf("%q, want %d", got, i)
		}
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion("a.example.", dns.TypeTXT)); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != "other" {
			t.Errorf("%q, want the other answer", got)
		}
		next <- struct{}{}
	}
}

// TestSlow asks two things on one connection, and the first takes long.
func TestSlow(t *testing.T) {
	addr := testkit.FreeAddr(t)
	fast := make(chan struct{})
	s := newServer(t, addr, func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) {
		if r.Question[0].Name == "slow.example." {
			<-fast
		}
		_ = w.WriteMsg(txt(r, r.Question[0].Name))
	})
	start(t, s)
	f, _ := newFronts()
	beside(t, f, s)
	conn, err := dns.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range []string{"slow.example.", "fast.example."} {
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeTXT)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"fast.example.", "slow.example."} {
		m, err := conn.ReadMsg()
		if err != nil || m.Question[0].Name != want {
			t.Fatalf("%v, %v, want %s", m, err, want)
		}
		if want == "fast.example." {
			close(fast)
		}
	}
}

// TestQueries asks more on a connection than the server takes: the last answer is followed by the end.
func TestQueries(t *testing.T) {
	addr := testkit.FreeAddr(t)
	s := newServer(t, addr, text("x"))
	s.MaxTCPQueries = 2
	start(t, s)
	f, _ := newFronts()
	beside(t, f, s)
	conn, err := dns.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion("a.example.", dns.TypeTXT)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := conn.ReadMsg(); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := conn.ReadMsg(); err == nil {
		t.Errorf("a third answer: %v", m)
	}
}

// TestSlowTransfer asks for a zone and takes nothing of it. The server is held back, and told after the
// time that it allows.
func TestSlowTransfer(t *testing.T) {
	addr := testkit.FreeAddr(t)
	var sent atomic.Int64
	failed := make(chan error)
	s := newServer(t, addr, func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) {
		m := txt(r, strings.Repeat("x", 255))
		for range 200 {
			m.Answer = append(m.Answer, m.Answer[0])
		}
		for {
			if err := w.WriteMsg(m); err != nil {
				failed <- err
				return
			}
			sent.Add(1)
		}
	})
	s.WriteTimeout = time.Second
	start(t, s)
	f, _ := newFronts()
	beside(t, f, s)
	conn, err := dns.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMsg(new(dns.Msg).SetAxfr("example.")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-failed:
	case <-time.After(testkit.Patience):
		t.Fatal("it is not told")
	}
	if n := sent.Load(); n > 1000 {
		t.Errorf("%d messages of 50 KB were taken", n)
	}
}

// TestPanic has the lane panic: CoreDNS answers.
func TestPanic(t *testing.T) {
	addr := testkit.FreeAddr(t)
	s := newServer(t, addr, text("x"))
	start(t, s)
	f, log := newFronts()
	g := newGeneration(s, nil) // the lane does not expect that there is no table
	f.serve(g)
	defer func() {
		f.dismiss(g)
		<-g.idle
	}()
	for range 2 {
		if got, err := ask("udp", addr, "a.example."); got != "x" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if f.panics.Load() != 2 || log.having("panic") != 1 {
		t.Errorf("%d panics, %q", f.panics.Load(), log.text)
	}
}

// TestTaken has another server hold the port: CoreDNS serves alone, and that is logged once.
func TestTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := netip.MustParseAddrPort(l.Addr().String())
	f, log := newFronts()
	for range 2 {
		i := f.NewInstance(everywhere)
		i.Serve(newServer(t, addr, text("x")))
		i.Replaced()
	}
	if n := log.having("CoreDNS answers alone"); n != 1 || len(f.at) != 0 {
		t.Errorf("%q, %d fronts", log.text, len(f.at))
	}
}

// TestAddress reads the addresses of servers.
func TestAddress(t *testing.T) {
	for server, want := range map[string]string{
		"dns://:53":              "[::]:53",
		"dns://0.0.0.0:53":       "0.0.0.0:53",
		"dns://[::1]:5353":       "[::1]:5353",
		"dns://[fe80::1%lo]:53":  "[fe80::1%lo]:53",
		"dns://127.0.0.1:0":      "",
		"tls://127.0.0.1:853":    "",
		"dns://ns.example.org:1": "",
	} {
		got, err := bindAddr(server)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%s: %v, %v, want %q", server, got, err, want)
		}
	}
}

// TestReplaced has one instance take over from another under load, with the same limits and with others.
// No query is lost, whether the lane answers it or it is passed on, and none gets to a server after
// Replaced has returned.
func TestReplaced(t *testing.T) {
	addr := testkit.FreeAddr(t)
	f, _ := newFronts()
	var load *testkit.Load
	var old *Instance
	var ended [6]atomic.Bool
	for n := range ended {
		s := newServer(t, addr, func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) {
			if ended[n].Load() {
				t.Errorf("the plugins of %d are asked after their end", n)
			}
			_ = w.WriteMsg(txt(r, fmt.Sprint(n)))
		})
		if n >= 3 {
			s.MaxTCPQueries = 100 * n
		}
		start(t, s)
		if load == nil {
			load = newLoad(t, addr)
		}
		i := f.NewInstance(everywhere)
		i.Serve(s)
		i.Serve(s)
		load.More(200)
		if old != nil {
			old.Replaced()
			ended[n-1].Store(true)
		}
		old = i
		load.More(200)
		for _, network := range networks {
			if got, err := ask(network, addr, "a.example."); err != nil || got != fmt.Sprint(n) {
				t.Errorf("%s: %q, %v, want %d", network, got, err, n)
			}
		}
	}
	load.End()
	old.Stop()
	if len(f.at) != 0 {
		t.Errorf("%d fronts stay", len(f.at))
	}
}

// TestLeft has nobody take over: CoreDNS's own sockets answer.
func TestLeft(t *testing.T) {
	addr := testkit.FreeAddr(t)
	s := newServer(t, addr, text("x"))
	start(t, s)
	f, _ := newFronts()
	i := f.NewInstance(everywhere)
	load := newLoad(t, addr)
	for range 2 {
		i.Serve(s)
		load.More(200)
		i.Replaced()
		i.Serve(s) // it is over
		load.More(200)
		if len(f.at) != 0 {
			t.Errorf("%d fronts stay", len(f.at))
		}
		i = f.NewInstance(everywhere)
	}
	load.End()
}

// TestStop ends everything under load: what was received is answered, and then the port is closed.
func TestStop(t *testing.T) {
	addr := testkit.FreeAddr(t)
	s := newServer(t, addr, text("x"))
	start(t, s)
	f, _ := newFronts()
	i := f.NewInstance(everywhere)
	i.Serve(s)
	load := newLoad(t, addr)
	load.More(500)
	i.Stop()
	load.End()
	if _, err := net.Dial("tcp", addr.String()); err == nil {
		t.Error("the port is still open")
	}
}
