package upstream

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connFull = 2000 // the most slots of a connection, so that a free ID is soon found
	connBusy = 64   // with so many queries on a connection, one more connection is worth having
)

// conn is one TCP or TLS connection, which carries any number of queries at a time (RFC 7766
// section 6.2.1.1). It takes queries at once, while it is being dialed.
//
//	add -> queue -> write (goroutine) -> server -> read (goroutine) -> call.answer
type conn struct {
	server *server
	scope  Scope
	opened time.Duration
	until  time.Duration // when it is old; 0 for never

	ending  atomic.Bool  // the network connection is closed, or about to be
	closed  atomic.Bool  // it takes no more queries, and the server has forgotten it
	retired atomic.Bool  // it takes queries only if no other connection can
	load    atomic.Int32 // slots
	taken   atomic.Int32 // queries that were written or are in the queue
	owing   atomic.Int64 // since when it has had a call without hearing anything; 0 if it has no call

	mu      sync.Mutex
	ready   sync.Cond // there are queries to write, or the connection is closed
	nc      net.Conn  // nil until it is dialed
	cancel  context.CancelFunc
	slots   map[uint16]slot
	queue   []uint16      // slots that are not written yet
	live    int           // slots with a call
	unheard time.Duration // the first query since the last message; 0 for none
	used    time.Duration // the last query or message
	word    time.Duration // the last message
	idle    time.Duration // how long it may stay unused
	written int           // queries
	said    int           // messages that matched a slot
	strange int           // messages since then that matched none
	forgot  int           // forgotten slots whose answers have not come yet; see forget
}

// slot is a query that was asked. It stays when its call is withdrawn, so that its ID is not used
// again while the answer may still come.
type slot struct {
	call *call
	ask  int
	at   time.Duration
	bare bool // asked without the OPT record
}

func newConn(s *server, scope Scope, now time.Duration) *conn {
	c := &conn{
		server: s, scope: scope, opened: now, used: now,
		slots: map[uint16]slot{}, idle: s.forward.conf.IdleTimeout,
	}
	c.ready.L = &c.mu
	if age := s.forward.conf.MaxAge; age > 0 {
		c.until = now + age*3/4 + rand.N(age/2+1) // so that connections don't age out together
	}
	return c
}

// run dials, carries queries and answers until the connection ends, and joins its writer.
func (c *conn) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.server.forward.conf.ReadTimeout)
	defer cancel()
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()

	nc, err := c.server.dial(ctx)
	if err != nil {
		c.end("dial", err)
		return
	}
	if !c.attach(nc) {
		nc.Close()
		return
	}
	var writer sync.WaitGroup
	writer.Go(func() { c.write(nc) })
	c.end("read", c.read(nc))
	writer.Wait()
}

// attach shows the dialed connection to whoever ends c. It reports false if c has ended.
func (c *conn) attach(nc net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nc = nc
	return !c.ending.Load()
}

// add takes ask k of a call. It reports false if the connection has ended or is full.
func (c *conn) add(call *call, k int, now time.Duration) (id uint16, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() || len(c.slots) >= connFull {
		return 0, false
	}
	id = c.freeID()
	c.slots[id] = slot{call, k, now, call.asks[k].bare}
	c.queue = append(c.queue, id)
	c.live++
	c.used = now
	if c.unheard == 0 {
		c.unheard = now
	}
	if c.live == 1 {
		c.owing.Store(int64(now))
	}
	c.load.Store(int32(len(c.slots)))
	c.taken.Add(1)
	if len(c.queue) == 1 {
		c.ready.Signal()
	}
	return id, true
}

// freeID returns an ID that no slot has. TCP protects against forged answers, so nobody needs to
// be kept from guessing it.
func (c *conn) freeID() uint16 {
	for {
		id := uint16(rand.Uint32())
		if _, taken := c.slots[id]; !taken {
			return id
		}
	}
}

// withdraw forgets a call, but remembers that its answer may come.
func (c *conn) withdraw(id uint16, call *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slots[id]; s.call == call {
		s.call = nil
		c.slots[id] = s
		c.dropLive()
	}
}

func (c *conn) dropLive() {
	c.live--
	if c.live == 0 {
		c.owing.Store(0)
	}
}

// forget gives up slots whose calls have ended and whose answers are long overdue. Some servers
// never answer certain names, and these slots would fill the connection. If the answer comes
// after all, it does not count as strange.
func (c *conn) forget(now time.Duration) {
	conf := &c.server.forward.conf
	for id, s := range c.slots {
		if s.call == nil && now-s.at > conf.Timeout+conf.ReadTimeout {
			c.drop(id)
			c.forgot++
		}
	}
}

// drop gives up a slot.
func (c *conn) drop(id uint16) {
	delete(c.slots, id)
	c.load.Store(int32(len(c.slots)))
}

// takes reports whether the connection can carry one more query.
func (c *conn) takes() bool { return !c.closed.Load() && c.load.Load() < connFull }

// cost is what a query on c has to expect: the number of queries before it, and far more if c is
// about to close or does not answer.
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

// spent reports whether c has taken as many queries as the server answers on it.
func (c *conn) spent() bool {
	most := c.server.allowance.most.Load()
	return most > 0 && c.taken.Load() >= most
}

// room returns how many more queries may be written. The caller holds mu.
func (c *conn) room() int {
	if most := c.server.allowance.most.Load(); most > 0 {
		return int(most) - c.written
	}
	return math.MaxInt
}

// owes reports whether a written query has no answer yet. The caller holds mu.
func (c *conn) owes() bool { return c.written > c.said }

// goesOn reports whether the server leaves c open, although it has sent all the answers that it
// usually sends on a connection.
func (c *conn) goesOn(now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said > 0 && c.room() <= 0 && !c.owes() && now-c.word > tick
}

// stalled reports whether the connection owes answers and has heard nothing for longer than delay.
func (c *conn) stalled(now, delay time.Duration) bool {
	owing := time.Duration(c.owing.Load())
	return owing != 0 && now-owing > delay
}

// held reports whether a server that answers in order may not have come to the query yet.
func (c *conn) held(id uint16) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.slots[id].at
	for other, s := range c.slots {
		if s.at < at || s.at == at && other != id {
			return true
		}
	}
	return false
}

// patience returns how long the connection may be silent. That is longer while the server answers
// on another one: it may answer in order and be busy with a slow query.
func (c *conn) patience() time.Duration {
	if c.server.heardSince(c.unheard) {
		return c.server.forward.conf.Timeout
	}
	return c.server.forward.conf.ReadTimeout
}

// overdue returns why the connection has to be closed, or nil.
func (c *conn) overdue(now time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	unused := now - c.used
	switch {
	case c.unheard != 0 && now-c.unheard > c.patience():
		return errSilent
	case c.retired.Load() && (c.live == 0 || c.until != 0 && now > c.until+2*c.server.forward.conf.ReadTimeout):
		return errOld // it may still have queries if there was never another one to take them; they are asked again
	case c.live == 0 && unused >= c.idle:
		return errIdle
	}
	return nil
}

// end closes the connection, once, and tells its calls, which then ask elsewhere. The connection
// takes queries until the server has forgotten it. Those too are asked again.
func (c *conn) end(op string, err error) {
	if c.ending.Swap(true) {
		return
	}
	c.close()
	why := &opError{op, c.server.Endpoint, err}
	c.server.gone(c, why)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready.Broadcast()
	byServer := op == "read" && err != errGarbage
	if byServer && c.said > 0 && c.owes() {
		c.server.allowance.closed(c.said, c.opened, c.server.forward.now())
	}
	how := c.loss(byServer)
	for _, s := range c.slots {
		if s.call != nil {
			s.call.lose(s.ask, why, how)
		}
	}
	clear(c.slots)
	c.queue, c.live = nil, 0
}

// loss returns how the queries on the connection end with it. It was the server that closed it,
// or we.
func (c *conn) loss(byServer bool) loss {
	switch {
	case c.said > 0:
		return cut
	case byServer:
		return mute
	}
	return failed
}

// close wakes whoever dials, reads or writes. It closes the network connection without holding the
// lock, as TLS may take its time to say goodbye.
func (c *conn) close() {
	c.mu.Lock()
	nc := c.nc
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	if nc != nil {
		nc.Close()
	}
}

// dead reports whether the server is to blame for the end of the connection, and since when: it
// took queries, but sent nothing at all on this connection, or nothing for too long.
func (c *conn) dead(now time.Duration) (since time.Duration, dead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unheard == 0 {
		return 0, false
	}
	return c.unheard, c.said == 0 || now-c.unheard > c.patience()
}
