package upstream

import (
	"cmp"
	"crypto/rand"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/wire"
)

const (
	maxDatagram = 4096 // an answer of this size or more counts as truncated
	maxForged   = 8    // after so many datagrams that answer nothing, the query goes over TCP
	queryRoom   = 128  // bytes; enough for most queries

	// datagramRoom is how many bytes of buffer the kernel is asked for, which doubles it: enough
	// for some ten short answers, or for any one.
	datagramRoom = 4 << 10
)

// datagram asks one query over UDP. It has a socket of its own, and so a source port of its own,
// and a random ID (RFC 5452 section 9.2). The socket is connected, so the kernel drops what other
// addresses send.
type datagram struct {
	server *server
	nc     *net.UDPConn
	scope  Scope
	query  []byte          // a copy under an ID of its own: it outlives the call
	q      wire.Query      // what query says, as far as an answer must match it; a view
	room   [queryRoom]byte // for query, unless that is longer
	at     time.Duration

	// Only run uses these: what receive found.
	answered bool
	failed   error

	mu     sync.Mutex
	call   *call // nil once it was withdrawn or has its answer
	ask    int
	bare   bool // asked without the OPT record
	orphan bool // withdrawn, but the answer will show that the server is alive
	cut    bool // withdrawn, and not an orphan
}

// sendDatagram sends ask k of a call over UDP. It reports false if no socket could be opened or
// the query could not be sent.
func sendDatagram(s *server, call *call, k int, now time.Duration) (by carrier, id uint16, ok bool) {
	if !s.forward.conf.Shares.takeSocket() {
		return nil, 0, false
	}
	defer func() {
		if !ok {
			s.forward.conf.Shares.giveSocket(false)
		}
	}()
	d := s.forward.dialer()
	nc, err := d.DialUDP(s.ctx, "udp", s.forward.source(), s.Addr)
	if err != nil {
		s.fail(&opError{"dial", s.Endpoint, err}, now)
		return nil, 0, false
	}
	_ = nc.SetReadBuffer(datagramRoom)
	g := &datagram{server: s, nc: nc, scope: call.scope, at: now, call: call, ask: k, bare: call.asks[k].bare}
	g.copyQuery()
	s.asked(call.scope, now)
	if _, err := nc.Write(g.query); err != nil {
		nc.Close()
		s.unheard[call.scope].Store(0)
		s.fail(&opError{"write", s.Endpoint, err}, now)
		return nil, 0, false
	}
	if !g.start() {
		nc.Close()
		return nil, 0, false
	}
	if t := s.forward.conf.Trace.Asked; t != nil {
		t(s.Endpoint, true, false)
	}
	return g, 0, true
}

// copyQuery copies the call's query and gives it an ID that nobody can guess.
func (g *datagram) copyQuery() {
	g.query = g.call.appendQuery(g.room[:0], 0, g.bare)
	rand.Read(g.query[:2])
	q := &g.call.q
	g.q = wire.Query{
		ID: wire.Message(g.query).ID(), Type: q.Type, Class: q.Class,
		Name: wire.Name(g.query[wire.HeaderLen:][:len(q.Name)]),
	}
}

// start starts run, unless the server is closed.
func (g *datagram) start() bool {
	s := g.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.grams[g] = struct{}{}
	s.group.Add(1)
	go g.run()
	return true
}

// run reads datagrams until the answer comes or the server's time is up.
func (g *datagram) run() {
	defer g.server.group.Done()
	defer g.close()
	raw, err := g.nc.SyscallConn()
	if err == nil {
		err = g.nc.SetReadDeadline(time.Now().Add(g.server.forward.conf.ReadTimeout))
	}
	if g.wasCut() { // if withdraw comes after this line, its deadline replaces the one above
		return
	}
	try := g.receive
	for range maxForged {
		if err == nil {
			err = cmp.Or(raw.Read(try), g.failed)
		}
		if err != nil {
			g.fail(err)
			return
		}
		if g.answered {
			return
		}
	}
	g.tell(func(c *call, k int) { c.again(k, nil, overTCP) })
}

// receive takes in one datagram. It reports false if there is neither a datagram nor an error. It
// holds a buffer only while it runs, since most sockets wait for long.
func (g *datagram) receive(fd uintptr) (ok bool) {
	buf := g.server.forward.buffers.Get().(*[maxDatagram]byte)
	defer g.server.forward.buffers.Put(buf)
	n, errno := unix.Read(int(fd), buf[:])
	for errno == unix.EINTR {
		n, errno = unix.Read(int(fd), buf[:])
	}
	switch {
	case errno == unix.EAGAIN:
		return false
	case errno != nil:
		g.failed = os.NewSyscallError("read", errno)
	default:
		g.answered = g.take(buf[:n])
	}
	return true
}

// take takes in one datagram, and reports whether it was the answer.
func (g *datagram) take(m wire.Message) bool {
	if !g.q.Matches(m) {
		return false
	}
	now := g.server.forward.now()
	g.server.forward.paces[g.scope].observe(now - g.at)
	g.server.heard(g.scope, now)
	g.tell(func(c *call, k int) {
		m.SetID(c.q.ID)
		switch {
		case len(m) == maxDatagram:
			c.again(k, nil, overTCP)
		case m.Truncated():
			c.again(k, m, overTCP)
		default:
			g.server.answered(c, k, m, g.bare)
		}
	})
	return true
}

// fail ends the ask without an answer, and blames the server. It does nothing if the query was
// withdrawn and nobody wants to know.
func (g *datagram) fail(err error) {
	if os.IsTimeout(err) {
		err = errTimeout
	}
	err = &opError{"receive", g.server.Endpoint, err}
	if g.wasCut() {
		return
	}
	g.server.unheard[g.scope].Store(0)
	if g.server.ctx.Err() == nil {
		g.server.fail(err, g.at)
	}
	g.tell(func(c *call, k int) { c.lose(k, err, failed) })
}

// tell calls f with the call, unless that was withdrawn.
func (g *datagram) tell(f func(c *call, k int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.call != nil {
		f(g.call, g.ask)
		g.call = nil
	}
}

// withdraw implements carrier.
func (g *datagram) withdraw(_ uint16, _ *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.call == nil {
		return
	}
	g.call = nil
	if g.orphan = g.server.forward.conf.Shares.orphan(); !g.orphan {
		g.cut = true
		_ = g.nc.SetReadDeadline(time.Unix(1, 0)) // Close would wait for receive, which may wait for mu
	}
}

// wasCut reports whether run has to end before the server's time is up.
func (g *datagram) wasCut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cut
}

// held implements carrier.
func (g *datagram) held(_ uint16) bool { return false }

func (g *datagram) close() {
	g.nc.Close()
	g.mu.Lock()
	orphan := g.orphan
	g.call, g.orphan = nil, false
	g.mu.Unlock()
	g.server.forward.conf.Shares.giveSocket(orphan)
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	delete(g.server.grams, g)
}
