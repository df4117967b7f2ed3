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
	pool   *Pool
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	heardAt atomic.Int64        // the last answer; 0 for none
	unheard [lanes]atomic.Int64 // the first query since the last answer; 0 for none
	out     atomic.Bool         // it failed, and has not answered since
	fails   atomic.Int64        // failed checks since then
	left    atomic.Int64        // when it was removed from the Pool; 0 if it was not

	allowance allowance
	edns      atomic.Uint32 // a speech

	mu         sync.Mutex
	closed     bool
	checking   bool
	relearning bool          // see doubt
	inquired   time.Duration // when it was last checked because it was silent
	conns      [lanes][]*conn
	grams      map[*datagram]struct{}
}

func newServer(p *Pool, e Endpoint) *server {
	p.conf.Shares.join(e.Addr)
	s := &server{Endpoint: e, pool: p, grams: map[*datagram]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// close closes all connections and waits for the server's goroutines.
func (s *server) close() {
	s.mu.Lock()
	conns := slices.Concat(s.conns[:]...)
	if !s.closed {
		s.closed = true
		s.pool.conf.Shares.leave(s.Addr, len(conns))
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
		s.asked(c.lane, now) // before an answer can come
		if id, ok := c.add(call, k, now); ok {
			if t := s.pool.conf.Trace.Asked; t != nil {
				t(s.Endpoint, false, reused)
			}
			return c, id, true
		}
	}
	return nil, 0, false
}

// asked notes that the server has to say something in a lane.
func (s *server) asked(lane Lane, now time.Duration) {
	if s.unheard[lane].Load() == 0 {
		s.unheard[lane].Store(int64(now))
	}
}

// choose returns the best connection that does not carry the call yet, or a new one where
// that is busy and the lane has room, or nil if there is neither. Where other Pools leave the
// lane no connection at all, it is one of the other lane.
func (s *server) choose(call *call, now time.Duration) (c *conn, reused bool) {
	c, cost := s.best(call, call.lane, now)
	if (c == nil || s.wantsMore(call.lane, cost)) && s.take(call.lane) {
		return s.open(call.lane, now), false
	}
	if len(s.conns[call.lane]) == 0 {
		c, _ = s.best(call, lanes-1-call.lane, now)
	}
	return c, true
}

// best returns the connection of a lane that does not carry the call yet and costs least.
func (s *server) best(call *call, lane Lane, now time.Duration) (c *conn, cost int) {
	delay := s.pool.delay(lane)
	for _, next := range s.conns[lane] {
		if !next.takes() || call.carriedBy(next) {
			continue
		}
		if more := next.cost(now, delay); c == nil || more < cost {
			c, cost = next, more
		}
	}
	return c, cost
}

// wantsMore reports whether a lane, whose best connection has this cost, should have one
// more. It may take what is there only to get past one that does not answer.
func (s *server) wantsMore(lane Lane, cost int) bool {
	return cost >= connFull || cost >= connBusy && len(s.conns[lane]) < s.pool.conf.MaxConns/2
}

// take takes one more connection for a lane, and reports whether there was one that is not
// kept for the other lane or another Pool.
func (s *server) take(lane Lane) bool {
	cluster, other, most := len(s.conns[Cluster]), len(s.conns[Other]), s.allowance.conns(s.pool.conf.MaxConns)
	have := cluster + other
	if lane == Cluster {
		other = max(other, 1)
	} else {
		cluster = max(cluster, s.pool.conf.Reserve)
	}
	return cluster+other < most && s.pool.conf.Shares.take(s.Addr, have, most)
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
func (s *server) open(lane Lane, now time.Duration) *conn {
	c := newConn(s, lane, now)
	s.conns[lane] = append(s.conns[lane], c)
	s.group.Go(func() { c.run(s.ctx) })
	s.pool.stirred()
	if t := s.pool.conf.Trace.Opened; t != nil {
		t(s.Endpoint, lane)
	}
	return c
}

// gone takes out a connection that ended, and judges the server by it.
func (s *server) gone(c *conn, err *OpError) {
	s.mu.Lock()
	c.closed.Store(true)
	closed := s.closed
	if !closed {
		s.pool.conf.Shares.give(s.Addr, len(s.conns[Cluster])+len(s.conns[Other]))
	}
	s.conns[c.lane] = slices.DeleteFunc(s.conns[c.lane], func(o *conn) bool { return o == c })
	s.mu.Unlock()
	s.unheard[c.lane].Store(0) // what it owed is owed no more
	if t := s.pool.conf.Trace.Closed; t != nil {
		t(s.Endpoint, c.lane, err.Err)
	}
	if since, dead := c.dead(s.pool.now()); dead && !closed {
		s.fail(err, since)
	}
}

// worth says what an answer with a matching question is worth. Over TCP nothing is truncated
// but what no server can send.
func (s *server) worth(m wire.Message) verdict {
	if m.Truncated() || slices.Contains(s.pool.conf.Failover, rcode(m)) {
		return poor
	}
	return good
}

// stalled reports whether nothing was heard in a lane for the delay, though something was asked.
func (s *server) stalled(lane Lane, now, delay time.Duration) bool {
	first := time.Duration(s.unheard[lane].Load())
	return first != 0 && now-first > delay
}
