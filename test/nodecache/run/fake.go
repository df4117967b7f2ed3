package run

import (
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// Fake serves DNS inside the test, over UDP and TCP, until the test ends.
func Fake(t testing.TB, h dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	addr := Addr(t)
	FakeAt(t, addr, h)
	return addr
}

// FakeAt is Fake at an address. The function it returns ends it sooner.
func FakeAt(t testing.TB, addr netip.AddrPort, h dns.HandlerFunc) (stop func()) {
	t.Helper()
	socket, err := net.ListenPacket("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	servers := []*dns.Server{{PacketConn: socket, Handler: h}, {Listener: listener, Handler: h}}
	for _, s := range servers {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe(); done <- struct{}{} }()
		<-started
	}
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		for _, s := range servers {
			_ = s.Shutdown()
			<-done
		}
	}
	t.Cleanup(stop)
	return stop
}

// Addresses answers A with one address and a TTL, and other types with NODATA.
func Addresses(addr string, ttl uint32) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl},
				A:   net.ParseIP(addr),
			}}
		}
		_ = w.WriteMsg(m)
	}
}
