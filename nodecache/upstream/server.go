package upstream

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// server is one upstream server: its connections and its health. Its goroutines are those
// of group; close ends and joins them.
type server struct {
	Endpoint
	forward *Forward
	ctx     context.Context
	cancel  context.CancelFunc
	group   sync.WaitGroup

	heardAt atomic.Int64         // the last answer; 0 for none
	unheard [scopes]atomic.Int64 // the first query since the last answer; 0 for none
	out     atomic.Bool          // it failed, and has not answered since
	fails   atomic.Int64         // failed checks since then
	left    atomic.Int64         // when it was removed from the Forward; 0 if it was not

	allowance allowance
	edns      atomic.Uint32 // a speech

	mu         sync.Mutex
	closed     bool
	checking   bool
	relearning bool          // see doubt
	inquired   time.Duration // when it was last checked because it was silent
	conns      [scopes][]*conn
	grams      map[*datagram]struct{}
}

func newServer(p *Forward, e Endpoint) *server {
	p.conf.Shares.join(e.Addr)
	s := &server{Endpoint: e, forward: p, grams: map[*datagram]struct{}{}}
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

// carry asks for ask k of a call. It reports false where no connection can take it.
func (s *server) carry(call *call, k int, now time.Duration, udp bool) (by carrier, id uint16, ok bool) {
	if udp {
		return s.send(call, k, now)
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

// asked notes that the server has to say something in a scope.
func (s *server) asked(scope Scope, now time.Duration) {
	if s.unheard[scope].Load() == 0 {
		s.unheard[scope].Store(int64(now))
	}
}

// choose returns the best connection that does not carry the call yet, or a new one where
// that is busy and the scope has room, or nil if there is neither. Where other Forwards leave the
// scope no connection at all, it is one of the other scope.
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

// best returns the connection of a scope that does not carry the call yet and costs least.
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

// wantsMore reports whether a scope, whose best connection has this cost, should have one
// more. It may take what is there only to get past one that does not answer.
func (s *server) wantsMore(scope Scope, cost int) bool {
	return cost >= connFull || cost >= connBusy && len(s.conns[scope]) < s.forward.conf.MaxConns/2
}

// take takes one more connection for a scope, and reports whether there was one that is not
// kept for the other scope or another Forward.
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

// takes reports whether the connection can carry one more query.
func (c *conn) takes() bool { return !c.closed.Load() && c.load.Load() < connFull }

// cost is what a query on c has to expect: those before it, and far more where c is about
// to close or does not answer.
func (c *conn) cost(now, delay time.Duration) int {
	cost := int(c.load.Load())
	if c.retired.Load() || c.spent() {
		cost += connFull
	}
	if c.stalled(now, delay) {
		cost += 2 * connFull
	}
	return cost
}

func (c *call) carriedBy(by *conn) bool {
	for k := range c.asks {
		if c.asks[k].by == carrier(by) {
			return true
		}
	}
	return false
}

// open makes a connection, which was taken.
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

// gone takes out a connection that ended, and judges the server by it.
func (s *server) gone(c *conn, err *opError) {
	s.mu.Lock()
	c.closed.Store(true)
	closed := s.closed
	if !closed {
		s.forward.conf.Shares.give(s.Addr, len(s.conns[Cluster])+len(s.conns[Other]))
	}
	s.conns[c.scope] = slices.DeleteFunc(s.conns[c.scope], func(o *conn) bool { return o == c })
	s.mu.Unlock()
	s.unheard[c.scope].Store(0) // what it owed is owed no more
	if t := s.forward.conf.Trace.Closed; t != nil {
		t(s.Endpoint, c.scope, err.Err)
	}
	if since, dead := c.dead(s.forward.now()); dead && !closed {
		s.fail(err, since)
	}
}

// worth says what an answer with a matching question is worth. Over TCP nothing is truncated
// but what no server can send.
func (s *server) worth(m wire.Message) verdict {
	if m.Truncated() || slices.Contains(s.forward.conf.Failover, rcode(m)) {
		return poor
	}
	return good
}

// stalled reports whether nothing was heard in a scope for the delay, though something was asked.
func (s *server) stalled(scope Scope, now, delay time.Duration) bool {
	first := time.Duration(s.unheard[scope].Load())
	return first != 0 && now-first > delay
}
