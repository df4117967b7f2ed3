package express

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/hostile"
	"github.com/neardns/neardns/test/nodecache/run"
)

// The names that attacks ask for: one with one address, and one whose answer is nearly as long as a
// message can be.
const (
	hit       = "web-1.ns.svc.cluster.local."
	long      = "many.ns.svc.cluster.local."
	endpoints = 4050
)

// siege is a server under attack, while others ask it.
type siege struct {
	*server
	before use
	others *hostile.Others
}

// patience is how long a polite client waits. If it waited longer, it would ask too few queries.
const patience = time.Second

// newSiege starts a server and the others: clients that ask for names of the cluster and others, over
// UDP, over a connection for each query, and over one connection.
func newSiege(t *testing.T) *siege {
	t.Helper()
	fake := testkit.Serve(t, testkit.Address(outsideIs, 60))
	s := &siege{server: start(t, one("timeouts {\n  read 6s\n }\n transfer {\n  to *\n }"), records(headless("ns", "many", endpoints)), fake)}
	load := run.StartLoad(t, s.addr, "udp", 1, nameIn("ns"), right)
	s.is(step{what: "before the siege", lane: true}, load)
	load.Stop(1)
	for range 2 {
		for _, name := range []string{hit, long} {
			if _, err := s.ask("tcp", name, dns.TypeA); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.before = s.use()
	s.others = s.startOthers()
	return s
}

func (s *server) startOthers() *hostile.Others {
	var clients []hostile.Asks
	for i, network := range []string{"udp", "tcp", "connection"} {
		from := netip.AddrFrom4([4]byte{127, 0, 9, byte(1 + i)})
		ask := func(q *dns.Msg) (*dns.Msg, error) { return exchangeFrom(network, from, s.addr, q) }
		if network == "connection" {
			ask = (&polite{from: from, to: s.addr}).ask
		}
		clients = append(clients, func(i int) (bool, string) {
			name, want := nameIn("ns")(int64(i)), address(nameIn("ns")(int64(i)))
			if i%4 == 0 {
				name, want = fmt.Sprintf("host-%d.example.org.", i), outsideIs
			}
			m, err := ask(new(dns.Msg).SetQuestion(name, dns.TypeA))
			return err == nil && only(m, want), fmt.Sprintf("%s over %s: %v %v", name, network, m, err)
		})
	}
	return hostile.StartOthers(s.t, clients...)
}

// exchangeFrom asks once, from an address.
func exchangeFrom(network string, from netip.Addr, to netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	c, err := hostile.Dial(network, from, to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	m, _, err := (&dns.Client{Net: network, Timeout: patience}).ExchangeWithConn(q, &dns.Conn{Conn: c})
	return m, err
}

// polite is a client that keeps its connection.
type polite struct {
	from netip.Addr
	to   netip.AddrPort
	conn *dns.Conn
}

func (p *polite) ask(q *dns.Msg) (*dns.Msg, error) {
	if p.conn == nil {
		c, err := hostile.Dial("tcp", p.from, p.to)
		if err != nil {
			return nil, err
		}
		p.conn = &dns.Conn{Conn: c}
	}
	m, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).ExchangeWithConn(q, p.conn)
	if err != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
	return m, err
}

// end ends the siege. The others must have had their answers, and the server must answer by the lane
// and be well, with so many MiB more than before at most.
func (s *siege) end(more int) {
	s.t.Helper()
	s.others.Stop()
	s.well(more)
}

// well is end for a siege whose others have stopped.
func (s *siege) well(more int) {
	s.t.Helper()
	before := s.answered()
	for _, network := range []string{"udp", "tcp"} {
		if m, err := s.ask(network, hit, dns.TypeA); err != nil || !right(m) {
			s.t.Errorf("after the siege: %v %v", m, err)
		}
	}
	if n := s.answered() - before; n < 2 {
		s.t.Errorf("after the siege the lane answered %d of 2", n)
	}
	const spare = 40 // goroutines: forwards, connections to servers and to metrics
	var now use
	s.Eventually("few goroutines again", func() bool {
		now = s.use()
		return now.goroutines <= s.before.goroutines+spare
	})
	peak := s.status("VmHWM:") >> 10
	s.t.Logf("before: %v; after: %v, and %d MiB at most", s.before, now, peak)
	if peak > s.before.resident+more {
		s.t.Errorf("%d MiB were resident, expected %d at most", peak, s.before.resident+more)
	}
	if p := run.Scrape(s.t, s.metrics.String()).Sum("coredns_panics_total"); p != 0 || len(s.Logged("panic")) > 0 {
		s.t.Errorf("%v panics", p)
	}
}

// use is what a server uses.
type use struct{ goroutines, resident int } // MiB

func (u use) String() string {
	return fmt.Sprintf("%d goroutines, %d MiB resident", u.goroutines, u.resident)
}

func (s *server) use() use {
	s.t.Helper()
	return use{int(run.Scrape(s.t, s.metrics.String()).Sum("go_goroutines")), s.status("VmRSS:") >> 10}
}

// status returns a number of /proc/PID/status. Memory is in kB there.
func (s *server) status(name string) (value int) {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if _, err := fmt.Sscan(rest, &value); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return value
}
