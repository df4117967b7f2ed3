package hard

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// siege is a node cache under attack, while others ask it.
type siege struct {
	*node
	fake   *testkit.Server
	before use
	others *others
}

// newSiege starts a node cache and the others.
func newSiege(t *testing.T) *siege {
	t.Helper()
	f := newServer(t)
	f.Do(besieged)
	s := &siege{node: start(t, block(".", "tcp", f)), fake: f}
	for i := range 200 {
		if a := []client{overUDP, overTCP}[i%2].ask(s.addr, fmt.Sprintf("warm-%d.example.org.", i)); !a.right() {
			t.Fatalf("before the siege: %v", a)
		}
	}
	s.before = s.use()
	s.others = startOthers(t, s.addr)
	return s
}

// end ends the siege. The others must have had their answers, and the node cache must answer and be
// well, with most MiB of memory.
func (s *siege) end(most int) {
	s.t.Helper()
	s.others.stop()
	for i, who := range []client{overUDP, overTCP} {
		for _, name := range []string{"hit.others.test.", fmt.Sprintf("after-%d.example.org.", i)} {
			if a := who.ask(s.addr, name); !a.right() || a.took > atOnce {
				s.t.Errorf("after the siege, %s: %v", name, a)
			}
		}
	}
	s.well(s.before, most)
}

// The others are clients that do no harm.
const (
	othersPause = 10 * time.Millisecond
	othersP99   = 500 * time.Millisecond
	othersLost  = 100 // at most one of so many gets no answer within a second: a stub resolver asks again
)

type others struct {
	t      *testing.T
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu   sync.Mutex
	took []time.Duration
	lost []string
}

// startOthers has three clients ask for cached names and for new ones: over UDP, over a connection
// for each query, and over one connection.
func startOthers(t *testing.T, to netip.AddrPort) *others {
	ctx, cancel := context.WithCancel(context.Background())
	o := &others{t: t, cancel: cancel}
	for i, network := range []string{"udp", "tcp", "connection"} {
		from := netip.AddrFrom4([4]byte{127, 0, 9, byte(1 + i)})
		o.group.Go(func() { o.client(ctx, to, network, from) })
	}
	t.Cleanup(func() { cancel(); o.group.Wait() })
	return o
}

func (o *others) client(ctx context.Context, to netip.AddrPort, network string, from netip.Addr) {
	ask := client{network, from}.ask
	if network == "connection" {
		c := &connection{to: to, from: from}
		defer c.close()
		ask = func(_ netip.AddrPort, name string) answer { return c.ask(name) }
	}
	for i := 0; ctx.Err() == nil; i++ {
		name := "hit.others.test."
		if i%4 == 0 {
			name = fmt.Sprintf("miss-%s-%d.others.test.", network, i)
		}
		o.note(name, network, ask(to, name))
		time.Sleep(othersPause) // this pace is the load
	}
}

func (o *others) note(name, network string, a answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.took = append(o.took, a.took)
	if !a.right() || a.took > time.Second {
		o.lost = append(o.lost, fmt.Sprintf("%s over %s: %v", name, network, a))
	}
}

// stop ends the others, and fails the test if they were not served well.
func (o *others) stop() {
	o.t.Helper()
	o.cancel()
	o.group.Wait()
	took := slices.Sorted(slices.Values(o.took))
	if len(took) < 100 {
		o.t.Fatalf("others asked %d times only", len(took))
	}
	p99 := took[len(took)*99/100]
	o.t.Logf("others asked %d times: half within %v, 99 %% within %v, all within %v", len(took), took[len(took)/2], p99, took[len(took)-1])
	if p99 > othersP99 || len(o.lost)*othersLost > len(took) {
		o.t.Errorf("99 %% of the others' queries took up to %v, expected %v; %d had no answer within a second, such as:\n%s",
			p99, othersP99, len(o.lost), strings.Join(o.lost[:min(5, len(o.lost))], "\n"))
	}
}

// connection is a client that keeps its TCP connection. Close must not be called while it asks.
type connection struct {
	to    netip.AddrPort
	from  netip.Addr
	conn  *dns.Conn
	conns int // that were opened
}

func (c *connection) ask(name string) answer {
	began := time.Now()
	m, err := c.exchange(question(name))
	if err != nil {
		m = new(dns.Msg)
		c.close()
	}
	return answer{m, err, time.Since(began)}
}

func (c *connection) exchange(q *dns.Msg) (*dns.Msg, error) {
	if c.conn == nil {
		conn, err := client{"tcp", c.from}.dial(c.to)
		if err != nil {
			return nil, err
		}
		c.conn = &dns.Conn{Conn: conn}
		c.conns++
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if err := c.conn.WriteMsg(q); err != nil {
		return nil, err
	}
	return c.conn.ReadMsg()
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
