package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

func plain(t *testing.T, c Config, servers ...*fake) *Forward {
	t.Helper()
	for _, f := range servers {
		c.Servers = append(c.Servers, f.endpoint(UDP))
	}
	return pool(t, c)
}

// RFC 5452 section 9.2: each query has a source port and an ID of its own.
func TestPortsAndIDsRFC5452(t *testing.T) {
	var mu sync.Mutex
	ids, ports := map[uint16]bool{}, map[string]bool{}
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		for {
			q := make([]byte, 512)
			n, from, err := c.ReadFromUDP(q)
			if err != nil {
				return
			}
			mu.Lock()
			ids[wire.Message(q).ID()], ports[from.String()] = true, true
			mu.Unlock()
			_, _ = c.WriteToUDP(response(q[:n]), from)
		}
	}()
	p := plain(t, Config{}, &fake{addr: c.LocalAddr().(*net.UDPAddr).AddrPort()})
	for range 300 {
		exchangeOK(t, p, "a.example", Other)
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
	p := plain(t, Config{}, f)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() { exchangeOK(t, p, fmt.Sprintf("n%d.example", i), Other) })
	}
	group.Wait()
	if f.dials.Load() != 0 {
		t.Error("TCP without need")
	}
}

// Someone who guesses IDs gets no more than a few guesses: the query goes on over TCP.
func TestUDPForged(t *testing.T) {
	f := &fake{}
	f.handle = func(q []byte, reply func([]byte)) {
		if f.dials.Load() == 0 {
			for i := range 100 {
				m := response(q)
				m[0] += byte(i + 1)
				reply(m)
			}
		}
		echo(q, reply)
	}
	serve(t, f)
	p := plain(t, Config{Hedge: -1}, f)
	exchangeOK(t, p, "a.example", Other)
	if f.dials.Load() != 1 {
		t.Error("not asked over TCP")
	}
}

func TestUDPTruncated(t *testing.T) {
	f := &fake{}
	f.handle = func(q []byte, reply func([]byte)) {
		if f.dials.Load() == 0 {
			reply(truncated(q))
			return
		}
		echo(q, reply)
	}
	serve(t, f)
	p := plain(t, Config{Hedge: -1}, f)
	if m := exchangeOK(t, p, "a.example", Other); wire.Message(m).Truncated() || f.dials.Load() != 1 {
		t.Error("truncated")
	}
	g := serve(t, &fake{handle: func(q []byte, reply func([]byte)) { reply(truncated(q)) }})
	g.tcp.Close()
	p = plain(t, Config{}, g)
	if m := exchangeOK(t, p, "a.example", Other); !wire.Message(m).Truncated() {
		t.Error("a truncated answer is all there is")
	}
}

// A lost datagram is sent again long before the time-out.
func TestUDPLoss(t *testing.T) {
	f := &fake{}
	f.handle = func(q []byte, reply func([]byte)) {
		if f.queries.Load()%2 == 0 {
			echo(q, reply)
		}
	}
	serve(t, f)
	p := plain(t, Config{}, f)
	began := time.Now()
	exchangeOK(t, p, "a.example", Other)
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestUDPRefused(t *testing.T) {
	p := plain(t, Config{}, refused(t), refused(t))
	began := time.Now()
	_, err := exchangeErr(t, p, "a.example", Other)
	var op *opError
	if !errors.As(err, &op) || !p.Out() || time.Since(began) > time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	p = plain(t, Config{}, refused(t), serve(t, &fake{}))
	for range 20 {
		exchangeOK(t, p, "a.example", Other)
	}
}

func TestUDPSilent(t *testing.T) {
	p := plain(t, Config{ReadTimeout: 100 * time.Millisecond}, serve(t, &fake{handle: silent}))
	if _, err := exchangeErr(t, p, "a.example", Other); !errors.Is(err, ErrTimeout) || !p.Out() {
		t.Errorf("%v; out: %v", err, p.Out())
	}
}

// certificate returns one for a name and what to trust it with.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	trust := x509.NewCertPool()
	trust.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, trust
}

// RFC 7858; the server's name is the endpoint's, the configured one, or its address.
func TestTLSRFC7858(t *testing.T) {
	cert, trust := certificate(t, "dns.example")
	for _, test := range []struct {
		endpoint, configured string
		ok                   bool
	}{{"dns.example", "", true}, {"", "dns.example", true}, {"", "", true}, {"other.example", "dns.example", false}} {
		f := serve(t, &fake{tls: &tls.Config{Certificates: []tls.Certificate{cert}}})
		c := Config{
			Servers: []Endpoint{{Addr: f.addr, Proto: TLS, ServerName: test.endpoint}},
			TLS:     &tls.Config{RootCAs: trust, ServerName: test.configured},
		}
		p := pool(t, c)
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				if _, err := exchangeErr(t, p, fmt.Sprint("n", i), Other); (err == nil) != test.ok {
					t.Errorf("%+v: %v", test, err)
				}
			})
		}
		group.Wait()
		if f.most.Load() > 4 {
			t.Errorf("%d connections", f.most.Load())
		}
	}
}
