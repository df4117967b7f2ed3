package upstream

import (
	"crypto/rand"
	"net"
	"os"
	"sync"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

const (
	maxDatagram = 4096 // a longer answer counts as truncated
	maxForged   = 16   // datagrams that answer nothing, after which UDP is not trusted
	maxSockets  = 2000 // queries to one server at a time
)

// datagram asks one query over UDP, from a socket and thus a port of its own, with a random
// ID (RFC 5452 section 9.2). The socket is connected: the kernel drops what others send.
type datagram struct {
	server *server
	nc     *net.UDPConn
	lane   Lane
	query  []byte     // a copy, with our ID: it outlives the call
	q      wire.Query // a view of it
	at     time.Duration

	mu   sync.Mutex
	call *call // nil once withdrawn; the server's health is still to be learned
	ask  int
}

// send sends ask k of a call over UDP.
func (s *server) send(call *call, k int, now time.Duration) (by carrier, id uint16, ok bool) {
	if s.sockets() >= maxSockets {
		return nil, 0, false
	}
	d := s.pool.dialer()
	nc, err := d.DialUDP(s.ctx, "udp", s.pool.source(), s.Addr)
	if err != nil {
		s.fail(&OpError{"dial", s.Endpoint, err}, now)
		return nil, 0, false
	}
	g := &datagram{server: s, nc: nc, lane: call.lane, at: now, call: call, ask: k}
	g.query = append(make([]byte, 0, len(call.query)), call.query...)
	rand.Read(g.query[:2])
	g.q.Parse(g.query)
	s.asked(call.lane, now)
	if _, err := nc.Write(g.query); err != nil {
		nc.Close()
		s.unheard[call.lane].Store(0)
		s.fail(&OpError{"write", s.Endpoint, err}, now)
		return nil, 0, false
	}
	if !s.start(g) {
		nc.Close()
		return nil, 0, false
	}
	if t := s.pool.conf.Trace.Asked; t != nil {
		t(s.Endpoint, true, false)
	}
	return g, 0, true
}

func (s *server) sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.grams)
}

// start starts reading, unless the server is closed.
func (s *server) start(g *datagram) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.grams[g] = struct{}{}
	s.group.Go(g.run)
	return true
}

func (g *datagram) run() {
	defer g.close()
	buf := g.server.pool.buffers.Get().(*[maxDatagram]byte)
	defer g.server.pool.buffers.Put(buf)
	if err := g.nc.SetReadDeadline(time.Now().Add(g.server.pool.conf.ReadTimeout)); err != nil {
		g.fail(err)
		return
	}
	for range maxForged {
		n, err := g.nc.Read(buf[:])
		if err != nil {
			g.fail(err)
			return
		}
		if g.take(buf[:n]) {
			return
		}
	}
	g.tell(func(c *call, k int) { c.overTCP(k, nil) })
}

// take takes in one datagram and reports whether it was the answer.
func (g *datagram) take(m wire.Message) bool {
	if !g.q.Matches(m) {
		return false
	}
	now := g.server.pool.now()
	g.server.pool.paces[g.lane].observe(now - g.at)
	g.server.heard(g.lane, now)
	g.tell(func(c *call, k int) {
		m.SetID(c.q.ID)
		switch {
		case len(m) == maxDatagram:
			c.overTCP(k, nil)
		case m.Truncated():
			c.overTCP(k, m)
		default:
			c.answer(k, m, g.server.worth(m))
		}
	})
	return true
}

func (g *datagram) fail(err error) {
	if os.IsTimeout(err) {
		err = ErrTimeout
	}
	err = &OpError{"receive", g.server.Endpoint, err}
	g.server.unheard[g.lane].Store(0)
	if g.server.ctx.Err() == nil {
		g.server.fail(err, g.at)
	}
	g.tell(func(c *call, k int) { c.lose(k, err, false) })
}

// tell calls f with the call, if it is still waited for.
func (g *datagram) tell(f func(c *call, k int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.call != nil {
		f(g.call, g.ask)
		g.call = nil
	}
}

func (g *datagram) withdraw(_ uint16, _ *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.call = nil
}

func (g *datagram) held(_ uint16) bool { return false }

func (g *datagram) close() {
	g.nc.Close()
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	delete(g.server.grams, g)
}
