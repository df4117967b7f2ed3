package front

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/plugin/lane"
	"github.com/neardns/neardns/test/netns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	netns.Enter(0, "ip link set lo up; ip link add veth0 type veth peer name veth1; ip link set veth0 up; ip link set veth1 up; ip addr add "+linkLocal+"/64 dev veth0 nodad")
	goleak.VerifyTestMain(m)
}

// linkLocal is an address of veth0.
const linkLocal = "fe80::53"

// lines is a Log.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) put(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, fmt.Sprintf(format, args...))
}

func (l *lines) Warningf(format string, args ...any) { l.put(format, args...) }
func (l *lines) Errorf(format string, args ...any)   { l.put(format, args...) }

// having returns how many lines have a text in them.
func (l *lines) having(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.text {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func newFronts() (*Fronts, *lines) {
	log := new(lines)
	return New(log, cookie.New([16]byte{1})), log
}

// handler is all plugins of a server.
type handler func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg)

func (handler) Name() string { return "test" }

func (h handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	h(ctx, w, r)
	return dns.RcodeSuccess, nil
}

// newServer returns a server for addr that has no sockets yet.
func newServer(t *testing.T, addr netip.AddrPort, h handler) *dnsserver.Server {
	t.Helper()
	c := &dnsserver.Config{Zone: ".", Transport: "dns", ListenHosts: []string{addr.Addr().String()}, Port: fmt.Sprint(addr.Port())}
	c.AddPlugin(func(plugin.Handler) plugin.Handler { return h })
	s, err := dnsserver.NewServer("dns://"+addr.String(), []*dnsserver.Config{c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start opens CoreDNS's own sockets of s, and serves them until the test ends.
func start(t *testing.T, s *dnsserver.Server) {
	t.Helper()
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.ListenPacket()
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	serving.Go(func() { _ = s.ServePacket(p) })
	t.Cleanup(func() {
		_ = s.Stop()
		_ = l.Close() // if it was stopped before it served
		_ = p.Close()
		serving.Wait()
	})
}

// everywhere is a table for all addresses.
func everywhere(string) *lane.Table { return lane.NewTable(nil) }

// beside returns an Instance that has fronts beside s. The end of the test stops it.
func beside(t *testing.T, f *Fronts, s *dnsserver.Server) *Instance {
	t.Helper()
	i := f.NewInstance(everywhere)
	i.Serve(s)
	t.Cleanup(i.Stop)
	return i
}

// text returns a handler that answers with a TXT record.
func text(s string) handler {
	return func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) { _ = w.WriteMsg(txt(r, s)) }
}

func txt(r *dns.Msg, s string) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{s}}}
	return m
}

// ask sends a query for a name, and returns the text of the answer.
func ask(network string, addr netip.AddrPort, name string) (string, error) {
	c := dns.Client{Net: network, Timeout: testkit.Patience}
	r, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeTXT), addr.String())
	if err != nil {
		return "", err
	}
	if len(r.Answer) != 1 {
		return "", fmt.Errorf("no answer: %v", r)
	}
	return strings.Join(r.Answer[0].(*dns.TXT).Txt, " "), nil
}

var networks = []string{"udp", "tcp"}

const soon = 20 * time.Millisecond

// newLoad returns clients that ask for a name which the lane passes on.
func newLoad(t *testing.T, addr netip.AddrPort) *testkit.Load {
	t.Helper()
	query, err := new(dns.Msg).SetQuestion("load.example.", dns.TypeTXT).Pack()
	if err != nil {
		t.Fatal(err)
	}
	return testkit.NewLoad(t, addr, query)
}

// unhex reads bytes that stand between spaces.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// datagram sends a query, and behind it another one whose answer is known. It returns what comes back
// for the first, if anything does.
func datagram(t *testing.T, addr netip.AddrPort, query []byte) []byte {
	t.Helper()
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	last := unhex(t, "eeee0100 00010000 00000000 0161076578616d706c6500 00100001")
	buf := make([]byte, 4096)
	var got []byte
	for _, q := range [][]byte{query, last} {
		if _, err := conn.Write(q); err != nil {
			t.Fatal(err)
		}
		time.Sleep(soon) // CoreDNS answers each query in a goroutine of its own
	}
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if buf[0] == 0xee {
			return got
		}
		got = bytes.Clone(buf[:n])
	}
}
