package testkit

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask asks s for a.example.'s address, once.
func ask(s *Server, network string) (*dns.Msg, error) {
	c := dns.Client{Net: network, Timeout: Patience}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion("a.Example.", dns.TypeA).SetEdns0(1232, false), s.Addr.String())
	return m, err
}

func TestServer(t *testing.T) {
	s := Serve(t, Address("192.0.2.1", 60))
	for i, network := range []string{"udp", "tcp"} {
		m, err := ask(s, network)
		if err != nil || len(m.Answer) != 1 || m.Answer[0].String() != "a.Example.\t60\tIN\tA\t192.0.2.1" || m.IsEdns0() != nil {
			t.Errorf("%s: %v, %v", network, m, err)
		}
		if s.Asked("a.example.") != i+1 || s.AskedBelow(".a.example.") != 0 || s.AskedBelow("example.") != i+1 || s.Queries.Load() != int64(i+1) {
			t.Errorf("%s: %d counted", network, s.Asked("a.example."))
		}
	}
	s.Do(Rcode(wire.Refused))
	if m, err := ask(s, "udp"); err != nil || m.Rcode != dns.RcodeRefused {
		t.Errorf("%v, %v", m, err)
	}
	s.Do(Late(time.Millisecond, Echo))
	if m, err := ask(s, "tcp"); err != nil || m.IsEdns0() == nil || !m.RecursionAvailable {
		t.Errorf("%v, %v", m, err)
	}
	Eventually(t, "its connections are closed", func() bool { return s.Open.Load() == 0 })
	if s.Dials.Load() != 2 || s.Most.Load() > 2 {
		t.Errorf("%d connections, %d at a time", s.Dials.Load(), s.Most.Load())
	}
	s.Stop()
	if _, err := ask(s, "tcp"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	s.Restart()
	if _, err := ask(s, "tcp"); err != nil {
		t.Error(err)
	}
}

func TestServerAddr(t *testing.T) {
	s := Start(t, &Server{Addr: netip.MustParseAddrPort("127.0.0.9:0")})
	if _, err := ask(s, "tcp"); err != nil || s.Addr.Addr().String() != "127.0.0.9" {
		t.Errorf("%v: %v", s.Addr, err)
	}
}

// TestServerOrder sends five queries at once. In order, none overtakes another; else the first
// waits for the last.
func TestServerOrder(t *testing.T) {
	for _, inOrder := range []bool{true, false} {
		came := make(chan uint16, 5)
		last := make(chan struct{})
		s := Start(t, &Server{InOrder: inOrder, Limit: 5, Play: func(s *Session, q wire.Message) {
			if q.ID() == 4 {
				close(last)
			}
			if !inOrder {
				<-last
			}
			came <- q.ID()
			Echo(s, q)
		}})
		c, err := dns.Dial("tcp", s.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for i := range uint16(5) {
			q := new(dns.Msg).SetQuestion(".", dns.TypeNS)
			q.Id = i
			if err := c.WriteMsg(q); err != nil {
				t.Fatal(err)
			}
		}
		for i := range uint16(5) {
			if m, err := c.ReadMsg(); err != nil || inOrder && m.Id != i {
				t.Errorf("%v, %v", m, err)
			}
			if id := <-came; inOrder && id != i {
				t.Errorf("%d came instead of %d", id, i)
			}
		}
		if _, err := c.ReadMsg(); err == nil {
			t.Error("a sixth message")
		}
	}
}

func TestServerReset(t *testing.T) {
	s := Serve(t, nil)
	s.Do(func(*Session, wire.Message) { s.Reset() })
	if _, err := ask(s, "tcp"); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

func TestServerTLS(t *testing.T) {
	cert := NewCertificate(t, "dns.example")
	s := Start(t, &Server{TLS: &tls.Config{Certificates: []tls.Certificate{cert.TLS}}})
	c := dns.Client{Net: "tcp-tls", Timeout: Patience, TLSConfig: &tls.Config{RootCAs: cert.Trust, ServerName: "dns.example"}}
	if _, _, err := c.Exchange(new(dns.Msg).SetQuestion(".", dns.TypeNS), s.Addr.String()); err != nil {
		t.Error(err)
	}
}

// TestStopWhileBusy stops a server whose plays wait.
func TestStopWhileBusy(t *testing.T) {
	s := Serve(t, func(s *Session, q wire.Message) { <-s.Done() })
	for _, network := range []string{"udp", "tcp"} {
		c, err := dns.Dial(network, s.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.WriteMsg(new(dns.Msg).SetQuestion(".", dns.TypeNS)); err != nil {
			t.Fatal(err)
		}
	}
	Eventually(t, "both queries are there", func() bool { return s.Queries.Load() == 2 })
	s.Stop()
}
