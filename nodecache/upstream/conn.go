package upstream

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connFull = 2000 // slots a connection has at most, so that a free ID is soon found
	connBusy = 64   // queries after which one more connection is worth having
)

// conn is one TCP or TLS connection with any number of queries on it (RFC 7766 section
// 6.2.1.1). It is dialed when made, and takes queries at once.
//
//	add -> queue -> write (goroutine) -> server -> read (goroutine) -> call.answer
type conn struct {
	server *server
	scope  Scope
	opened time.Duration
	until  time.Duration // when it is aged out; 0 for never

	ending  atomic.Bool  // the network's end is closed, or about to be
	closed  atomic.Bool  // it takes no more queries, and the server knows it no more
	retired atomic.Bool  // takes queries only where no other connection can
	load    atomic.Int32 // slots
	taken   atomic.Int32 // queries written, and those in the queue
	owing   atomic.Int64 // since when there is a call and no word came; 0 for no call

	mu      sync.Mutex
	ready   sync.Cond // the queue is not empty, or the connection is closed
	nc      net.Conn  // nil until dialed
	cancel  context.CancelFunc
	slots   map[uint16]slot
	queue   []uint16      // asked, not yet written
	live    int           // slots with a call
	unheard time.Duration // the first query since the last word; 0 for none
	used    time.Duration // the last query or word
	word    time.Duration // the last word
	idle    time.Duration // how long it may stay unused
	written int           // queries
	said    int           // messages that matched a slot
	strange int           // messages since then that matched none
	forgot  int           // slots forgotten whose answers did not come since; see forget
}

// slot is a query that was asked. It stays when its call is withdrawn, so that its ID is
// not used again while the answer may still come.
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
		c.until = now + age*3/4 + rand.N(age/2+1) // #nosec G404 -- jitter
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
	c.load.Store(int32(len(c.slots))) // #nosec G115 -- connFull
	c.taken.Add(1)
	if len(c.queue) == 1 {
		c.ready.Signal()
	}
	return id, true
}

func (c *conn) freeID() uint16 {
	for {
		id := uint16(rand.Uint32()) // #nosec G404 G115 -- TCP; the ID only has to be free
		if _, taken := c.slots[id]; !taken {
			return id
		}
	}
}

// withdraw forgets a call, but not that its answer may come.
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

// forget gives the slots up whose calls have ended and whose answers are not to be expected any
// more: there are servers that never answer some names, and their slots would fill the
// connection. An answer that comes all the same is no strange one.
func (c *conn) forget(now time.Duration) {
	conf := &c.server.forward.conf
	for id, s := range c.slots {
		if s.call == nil && now-s.at > conf.Timeout+conf.ReadTimeout {
			c.drop(id)
			c.forgot++
		}
	}
}

// stalled reports whether the connection owes answers and has said nothing for the delay.
func (c *conn) stalled(now, delay time.Duration) bool {
	owing := time.Duration(c.owing.Load())
	return owing != 0 && now-owing > delay
}

// held reports whether the server, if it answers in order, may not have come to the query.
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
