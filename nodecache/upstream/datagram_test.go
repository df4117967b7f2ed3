package upstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// forwardUDP returns a Forward that asks servers over UDP.
func forwardUDP(t testing.TB, c Config, servers ...*fake) *Forward {
	t.Helper()
	for _, f := range servers {
		c.Servers = append(c.Servers, f.endpoint(UDP))
	}
	return forward(t, c)
}

// RFC 5452 section 9.2: each query has a source port and an ID of its own.
func TestPortsAndIDsRFC5452(t *testing.T) {
	var mu sync.Mutex
	ids, ports := map[uint16]bool{}, map[netip.AddrPort]bool{}
	f := testkit.Serve(t, func(s *testkit.Session, q wire.Message) {
		mu.Lock()
		ids[q.ID()], ports[s.From] = true, true
		mu.Unlock()
		testkit.Echo(s, q)
	})
	fwd := forward(t, Config{Servers: []Endpoint{{Addr: f.Addr, Proto: UDP}}})
	for range 300 {
		exchangeOK(t, fwd, "a.example", Other)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) < 290 || len(ports) < 250 { // some repeat by chance
		t.Errorf("%d IDs and %d ports in 300 queries", len(ids), len(ports))
	}
}

func TestUDPStrangeMessages(t *testing.T) {
	f := serve(t, &fake{handle: func(q []byte, reply func([]byte)) {
		reply(nil)
		reply([]byte("garbage"))
		m := response(q)
		m[0]++
		reply(m)
		m = response(messageFor(t, "other.example"))
		copy(m, q[:2])
		reply(m)
		reply(response(q))
		reply(response(q))
	}})
	fwd := forwardUDP(t, Config{}, f)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() { exchangeOK(t, fwd, fmt.Sprintf("n%d.example", i), Other) })
	}
	group.Wait()
	if f.Dials.Load() != 0 {
		t.Error("asked over TCP without need")
	}
}

// Whoever guesses IDs has only a few guesses. Then the query goes over TCP.
func TestUDPForged(t *testing.T) {
	f := &fake{}
	f.handle = func(q []byte, reply func([]byte)) {
		if f.Dials.Load() == 0 {
			for i := range 100 {
				m := response(q)
				m[0] += byte(i + 1)
				reply(m)
			}
		}
		echo(q, reply)
	}
	serve(t, f)
	fwd := forwardUDP(t, Config{Hedge: -1}, f)
	exchangeOK(t, fwd, "a.example", Other)
	if f.Dials.Load() != 1 {
		t.Error("not asked over TCP")
	}
}

func TestUDPTruncated(t *testing.T) {
	f := &fake{}
	f.handle = func(q []byte, reply func([]byte)) {
		if f.Dials.Load() == 0 {
			reply(truncated(q))
			return
		}
		echo(q, reply)
	}
	serve(t, f)
	fwd := forwardUDP(t, Config{Hedge: -1}, f)
	if m := exchangeOK(t, fwd, "a.example", Other); wire.Message(m).Truncated() || f.Dials.Load() != 1 {
		t.Error("truncated")
	}
	fwd = forwardUDP(t, Config{}, udpOnly(t, truncated))
	if m := exchangeOK(t, fwd, "a.example", Other); !wire.Message(m).Truncated() {
		t.Error("a truncated answer is all there is")
	}
}

// udpOnly returns a server that answers over UDP and refuses connections.
func udpOnly(t *testing.T, answer func(q []byte) []byte) *fake {
	t.Helper()
	f := refused(t)
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(f.Addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		for q := make([]byte, 512); ; {
			n, from, err := c.ReadFromUDPAddrPort(q)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(answer(q[:n]), from)
		}
	}()
	return f
}

// A lost datagram is sent again long before the time-out, which is a minute here.
func TestUDPLoss(t *testing.T) {
	f := &fake{}
	f.handle = func(q []byte, reply func([]byte)) {
		if f.Queries.Load()%2 == 0 {
			echo(q, reply)
		}
	}
	serve(t, f)
	fwd := forwardUDP(t, Config{}, f)
	began := time.Now()
	exchangeOK(t, fwd, "a.example", Other)
	if took := time.Since(began); took > testkit.Patience/2 {
		t.Errorf("took %v", took)
	}
}

func TestUDPRefused(t *testing.T) {
	fwd := forwardUDP(t, Config{}, refused(t), refused(t))
	_, err := exchangeErr(t, fwd, "a.example", Other)
	if !errors.Is(err, syscall.ECONNREFUSED) || !fwd.Out() {
		t.Errorf("%v; out: %v", err, fwd.Out())
	}
	fwd = forwardUDP(t, Config{}, refused(t), serve(t, &fake{}))
	for range 20 {
		exchangeOK(t, fwd, "a.example", Other)
	}
}

func TestUDPSilent(t *testing.T) {
	fwd := forwardUDP(t, Config{ReadTimeout: 100 * time.Millisecond}, serve(t, &fake{handle: silent}))
	if _, err := exchangeErr(t, fwd, "a.example", Other); !errors.Is(err, errTimeout) || !fwd.Out() {
		t.Errorf("%v; out: %v", err, fwd.Out())
	}
}

// RFC 7858: the server's name is the endpoint's, or the configured one, or the address.
func TestTLSRFC7858(t *testing.T) {
	cert := testkit.NewCertificate(t, "dns.example")
	for _, test := range []struct {
		endpoint, configured string
		ok                   bool
	}{{"dns.example", "", true}, {"", "dns.example", true}, {"", "", true}, {"other.example", "dns.example", false}} {
		f := serve(t, &fake{Server: testkit.Server{TLS: &tls.Config{Certificates: []tls.Certificate{cert.TLS}}}})
		c := Config{
			Servers: []Endpoint{{Addr: f.Addr, Proto: TLS, ServerName: test.endpoint}},
			TLS:     &tls.Config{RootCAs: cert.Trust, ServerName: test.configured},
		}
		fwd := forward(t, c)
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				if _, err := exchangeErr(t, fwd, fmt.Sprint("n", i), Other); (err == nil) != test.ok {
					t.Errorf("%+v: %v", test, err)
				}
			})
		}
		group.Wait()
		if f.Most.Load() > DefaultMaxConns {
			t.Errorf("%d connections", f.Most.Load())
		}
	}
}
