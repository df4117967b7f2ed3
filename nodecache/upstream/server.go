package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// server is one upstream server: its connections, its health and its EDNS. Its goroutines are
// those of group; close ends and joins them.
type server struct {
	Endpoint
	forward *Forward
	ctx     context.Context
	cancel  context.CancelFunc
	group   sync.WaitGroup

	heardAt atomic.Int64         // the last answer; 0 for none
	unheard [scopes]atomic.Int64 // the first query since the last answer; 0 for none
	out     atomic.Bool          // it failed, and has not answered since
	fails   atomic.Int64         // health checks that failed since then
	left    atomic.Int64         // when it was removed from the Forward; 0 if it was not

	allowance allowance
	edns      atomic.Uint32 // a speech

	mu         sync.Mutex
	closed     bool
	checking   bool          // checks runs
	relearning bool          // relearn runs
	checkedAt  time.Duration // when checkOnce last began a check
	conns      [scopes][]*conn
	grams      map[*datagram]struct{}
}

func newServer(f *Forward, e Endpoint) *server {
	f.conf.Shares.join(e.Addr)
	s := &server{Endpoint: e, forward: f, grams: map[*datagram]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// close closes all connections and waits for the server's goroutines.
func (s *server) close() {
	s.mu.Lock()
	conns := slices.Concat(s.conns[:]...)
	if !s.closed {
		s.closed = true
		s.forward.conf.Shares.leave(s.Addr, len(conns))
	}
	grams := s.grams
	s.grams = nil
	s.mu.Unlock()
	s.cancel()
	for _, c := range conns {
		c.end("close", errRemoved)
	}
	for d := range grams {
		d.nc.Close()
	}
	s.group.Wait()
}

// alone returns the set of s only, which is asked whatever is known of it.
func (s *server) alone() *set { return &set{order: []*server{s}, preferred: 1, check: true} }

// carry sends ask k of a call. It reports false if no connection or socket can take it.
func (s *server) carry(call *call, k int, now time.Duration, udp bool) (by carrier, id uint16, ok bool) {
	if udp {
		return sendDatagram(s, call, k, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		c, reused := s.choose(call, now)
		if c == nil {
			break
		}
		s.asked(c.scope, now) // before an answer can come
		if id, ok := c.add(call, k, now); ok {
			if t := s.forward.conf.Trace.Asked; t != nil {
				t(s.Endpoint, false, reused)
			}
			return c, id, true
		}
	}
	return nil, 0, false
}

// asked notes that the server owes an answer in a scope.
func (s *server) asked(scope Scope, now time.Duration) {
	if s.unheard[scope].Load() == 0 {
		s.unheard[scope].Store(int64(now))
	}
}

// choose returns the best connection that has not carried the call yet. If that is busy and the
// scope may have one more, it returns a new one; if there is neither, nil. If other Forwards
// leave the scope no connection at all, it returns one of the other scope.
func (s *server) choose(call *call, now time.Duration) (c *conn, reused bool) {
	c, cost := s.best(call, call.scope, now)
	if (c == nil || s.wantsMore(call.scope, cost)) && s.take(call.scope) {
		return s.open(call.scope, now), false
	}
	if len(s.conns[call.scope]) == 0 {
		c, _ = s.best(call, scopes-1-call.scope, now)
	}
	return c, true
}

// best returns the connection of a scope that costs least, among those that have not carried the
// call yet.
func (s *server) best(call *call, scope Scope, now time.Duration) (c *conn, cost int) {
	delay := s.forward.delay(scope)
	for _, next := range s.conns[scope] {
		if !next.takes() || call.carriedBy(next) {
			continue
		}
		if more := next.cost(now, delay); c == nil || more < cost {
			c, cost = next, more
		}
	}
	return c, cost
}

// wantsMore reports whether a scope should have one more connection if its best one has this
// cost. To have more than half of all, that must be one that does not answer.
func (s *server) wantsMore(scope Scope, cost int) bool {
	return cost >= connFull || cost >= connBusy && len(s.conns[scope]) < s.forward.conf.MaxConns/2
}

// take takes one more connection for a scope. It reports false if none is left but those kept for
// the other scope or for other Forwards.
func (s *server) take(scope Scope) bool {
	cluster, other, most := len(s.conns[Cluster]), len(s.conns[Other]), s.allowance.conns(s.forward.conf.MaxConns)
	have := cluster + other
	if scope == Cluster {
		other = max(other, 1)
	} else {
		cluster = max(cluster, s.forward.conf.Reserve)
	}
	return cluster+other < most && s.forward.conf.Shares.take(s.Addr, have, most)
}

// open makes a connection, for which take has made room.
func (s *server) open(scope Scope, now time.Duration) *conn {
	c := newConn(s, scope, now)
	s.conns[scope] = append(s.conns[scope], c)
	s.group.Go(func() { c.run(s.ctx) })
	s.forward.stirred()
	if t := s.forward.conf.Trace.Opened; t != nil {
		t(s.Endpoint, scope)
	}
	return c
}

// gone removes a connection that ended because of err, and judges the server by it.
func (s *server) gone(c *conn, err *opError) {
	s.mu.Lock()
	c.closed.Store(true)
	closed := s.closed
	if !closed {
		s.forward.conf.Shares.give(s.Addr, len(s.conns[Cluster])+len(s.conns[Other]))
	}
	s.conns[c.scope] = slices.DeleteFunc(s.conns[c.scope], func(o *conn) bool { return o == c })
	s.mu.Unlock()
	s.unheard[c.scope].Store(0) // it no longer owes what it owed on c
	if t := s.forward.conf.Trace.Closed; t != nil {
		t(s.Endpoint, c.scope, err.Err)
	}
	if since, dead := c.dead(s.forward.now()); dead && !closed {
		s.fail(err, since)
	}
}

// tend closes the connections that have to be closed, and reports whether there were any
// connections.
func (s *server) tend(now time.Duration) bool {
	s.mu.Lock()
	conns := s.conns
	for scope := range conns {
		conns[scope] = slices.Clone(conns[scope])
	}
	s.mu.Unlock()
	more := false
	for _, scope := range conns {
		retireOne(scope, now)
		for _, c := range scope {
			if c.goesOn(now) {
				s.allowance.forget()
				wake(conns[:])
			}
			if err := c.overdue(now); err != nil {
				c.end("close", err)
			}
			more = true
		}
	}
	return more
}

// retireOne retires an old connection of a scope, unless another one is already retired.
func retireOne(scope []*conn, now time.Duration) {
	isRetired := func(c *conn) bool { return c.retired.Load() }
	isOld := func(c *conn) bool { return c.until != 0 && now >= c.until }
	if i := slices.IndexFunc(scope, isOld); i >= 0 && !slices.ContainsFunc(scope, isRetired) {
		scope[i].retired.Store(true)
	}
}

// wake makes connections write that had to stop; see allowance.
func wake(scopes [][]*conn) {
	for _, c := range slices.Concat(scopes...) {
		c.mu.Lock()
		c.ready.Signal()
		c.mu.Unlock()
	}
}

// waiting reports whether the server, which was removed, may still send an answer.
func (s *server) waiting(now time.Duration) bool {
	if now-time.Duration(s.left.Load()) > s.forward.conf.ReadTimeout {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, scope := range s.conns {
		if slices.ContainsFunc(scope, func(c *conn) bool { return c.owing.Load() != 0 }) {
			return true
		}
	}
	return len(s.grams) > 0
}

// streamRoom is how many bytes of buffer the kernel is asked for, both for what a connection has
// received and for what it has yet to send. By itself the kernel would let them grow to megabytes.
const streamRoom = 32 << 10

// dial opens a connection. For TLS it also completes the handshake. The context bounds both.
func (s *server) dial(ctx context.Context) (net.Conn, error) {
	if dial := s.forward.conf.dial; dial != nil {
		return dial(ctx, s.Endpoint)
	}
	d := s.forward.dialer()
	tcp, err := d.DialTCP(ctx, "tcp", s.forward.source(), s.Addr)
	if err != nil {
		return nil, err
	}
	_ = tcp.SetReadBuffer(streamRoom)
	_ = tcp.SetWriteBuffer(streamRoom)
	if s.Proto != TLS {
		return newRawConn(tcp)
	}
	nc := tls.Client(tcp, s.tlsConfig())
	if err := nc.HandshakeContext(ctx); err != nil {
		tcp.Close()
		return nil, err
	}
	return nc, nil
}

// tlsConfig returns the Forward's settings with the server's name. That is the endpoint's own, or
// the configured one, or the address, which a certificate may also hold (RFC 8310 section 8.1).
func (s *server) tlsConfig() *tls.Config {
	c := s.forward.tls.Clone()
	if s.ServerName != "" {
		c.ServerName = s.ServerName
	}
	if c.ServerName == "" {
		c.ServerName = s.Addr.Addr().String()
	}
	return c
}

// worth returns what an answer with a matching question is worth. Over TCP, a server truncates
// only what no server can send.
func (s *server) worth(m wire.Message) verdict {
	if m.Truncated() || slices.Contains(s.forward.conf.Failover, rcode(m)) {
		return poor
	}
	return good
}
