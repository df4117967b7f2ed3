package express

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// slowly answers names that begin with slow only once the channel is closed, and others at once.
func slowly(goOn <-chan struct{}) testkit.Play {
	fast := testkit.Address(outsideIs, 60)
	return func(s *testkit.Session, q wire.Message) {
		if strings.HasPrefix(testkit.NameOf(q), "slow") {
			select {
			case <-goOn:
			case <-s.Done():
				return
			}
		}
		fast(s, q)
	}
}

// pipe is a connection with queries in it, each of which must be answered once.
type pipe struct {
	*dns.Conn
	t    *testing.T
	open map[uint16]string // names by ID
	next uint16
}

func (s *server) pipe() *pipe {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr.String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	return &pipe{Conn: &dns.Conn{Conn: c}, t: s.t, open: map[uint16]string{}}
}

// send asks for a name, and does not wait.
func (p *pipe) send(name string) {
	p.t.Helper()
	p.next++
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	q.Id = p.next
	p.open[q.Id] = name
	if err := p.WriteMsg(q); err != nil {
		p.t.Fatal(err)
	}
}

// read reads the next answer, checks it and returns its name.
func (p *pipe) read() (name string) {
	p.t.Helper()
	m, err := p.ReadMsg()
	if err != nil {
		p.t.Fatalf("%v, and %d queries wait for their answers", err, len(p.open))
	}
	name, asked := p.open[m.Id]
	delete(p.open, m.Id)
	if !asked || len(m.Question) != 1 || m.Question[0].Name != name || !right(m) && !only(m, outsideIs) {
		p.t.Fatalf("to %q came %v", name, m)
	}
	return name
}

// TestSlowForward asks over one connection, and over several, for names that are forwarded to a server
// that waits, and then for others. Those that can be answered are, and the slow ones later.
func TestSlowForward(t *testing.T) {
	const slow, quick, conns = 20, 50, 4
	goOn := make(chan struct{})
	s := start(t, one(""), records(), testkit.Serve(t, slowly(goOn)))
	var pipes []*pipe
	for range conns {
		p := s.pipe()
		pipes = append(pipes, p)
		for i := range slow {
			p.send(fmt.Sprintf("slow-%d.example.org.", i))
		}
		for i := range quick {
			p.send(nameIn("ns")(int64(i)))
			p.send(fmt.Sprintf("host-%d.example.org.", i))
		}
	}
	for _, p := range pipes {
		for range 2 * quick {
			if name := p.read(); strings.HasPrefix(name, "slow") {
				t.Fatalf("%s is answered already", name)
			}
		}
	}
	close(goOn)
	for _, p := range pipes {
		for range slow {
			p.read()
		}
	}
}

// TestNodeCache asks as a node cache does: over 4 connections, each with 50 queries at a time.
func TestNodeCache(t *testing.T) {
	const conns, inFlight, each = 4, 50, 5000
	s := start(t, one(""), records(), nil)
	before := s.answered()
	var group sync.WaitGroup
	for range conns {
		p := s.pipe()
		group.Go(func() {
			for i := range each {
				p.send(nameIn("ns")(int64(i)))
				if len(p.open) == inFlight {
					p.read()
				}
			}
			for len(p.open) > 0 {
				p.read()
			}
		})
	}
	group.Wait()
	if n := s.answered() - before; n < conns*each*9/10 {
		t.Errorf("the lane answered %d of %d", n, conns*each)
	}
}
