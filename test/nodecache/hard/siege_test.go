package hard

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/hostile"
)

// siege is a node cache under attack, while others ask it.
type siege struct {
	*node
	fake   *testkit.Server
	before use
	others *hostile.Others
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
	s.others.Stop()
	for i, who := range []client{overUDP, overTCP} {
		for _, name := range []string{"hit.others.test.", fmt.Sprintf("after-%d.example.org.", i)} {
			if a := who.ask(s.addr, name); !a.right() || a.took > atOnce {
				s.t.Errorf("after the siege, %s: %v", name, a)
			}
		}
	}
	s.well(s.before, most)
}

// startOthers has three clients ask for cached names and for new ones: over UDP, over a connection
// for each query, and over one connection.
func startOthers(t *testing.T, to netip.AddrPort) *hostile.Others {
	var clients []hostile.Asks
	for i, network := range []string{"udp", "tcp", "connection"} {
		ask := client{network, netip.AddrFrom4([4]byte{127, 0, 9, byte(1 + i)})}.ask
		if network == "connection" {
			c := &connection{to: to, from: netip.AddrFrom4([4]byte{127, 0, 9, byte(1 + i)})}
			t.Cleanup(c.close)
			ask = func(_ netip.AddrPort, name string) answer { return c.ask(name) }
		}
		clients = append(clients, func(i int) (bool, string) {
			name := "hit.others.test."
			if i%4 == 0 {
				name = fmt.Sprintf("miss-%s-%d.others.test.", network, i)
			}
			a := ask(to, name)
			return a.right(), fmt.Sprintf("%s over %s: %v", name, network, a)
		})
	}
	return hostile.StartOthers(t, clients...)
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
