package listen

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readRoom is how many bytes one connection may bring in before others get a turn. A
	// message that is longer may come in as a whole.
	readRoom = 1 << 10

	// askMost is how many queries one client may bring in, on all its connections, before
	// others get a turn. What it has left stays ready, and comes after theirs.
	askMost = 16

	// inRoom is room for what a connection has kept, which is at most one incomplete message,
	// and for more, in bytes.
	inRoom = 64<<10 + headerLen + readRoom
)

// tcpServer serves all TCP connections of a Front with one reader.
type tcpServer struct {
	limits  Limits
	maxOut  int // bytes of unsent answers at which a connection is closed
	handler Handler
	poll    *poller
	start   time.Time     // when the clock was 0
	now     time.Duration // the clock at the beginning of the round
	armed   time.Duration // when the poller returns at the latest; 0 is never

	listeners map[int]listener // by descriptor
	conns     []*conn          // by descriptor
	peers     map[netip.Addr]*peer
	round     uint64 // counts the rounds, in each of which the ready connections get a turn
	quiet     queue  // connections between messages
	half      queue  // connections with half a message
	untaken   queue  // connections with unsent answers
	finished  queue  // connections whose client should close
	accepted  sockaddr

	client  Client
	late    lateList
	current *conn  // whose queries are being answered
	in      []byte // input of current
	out     []byte // frames for current

	deadline   atomic.Pointer[time.Time] // the time by which to have left; nil while serving
	leaving    bool
	lastAccept time.Duration
	count      tcpCounters
}

// TCPStats counts what all TCP connections did since the front was opened.
type TCPStats struct {
	Accepted  uint64
	Open      int    // connections that are open now
	Evicted   uint64 // connections closed to make room
	Expired   uint64 // connections closed because they were idle or stalled
	Malformed uint64 // connections that were read no further because of an empty message
	Unsent    uint64 // answers that were too long for a frame, or whose connection was gone
	Waiting   int    // queries that are open
}

// listener is a socket that brings connections.
type listener struct {
	addr  netip.AddrPort
	given bool // somebody else holds it too
}

// tcpCounters are written by the reader and by Responders.
type tcpCounters struct {
	accepted, evicted, expired, malformed, unsent atomic.Uint64
	open, waiting                                 atomic.Int64
}

func (n *tcpCounters) stats() TCPStats {
	return TCPStats{
		Accepted: n.accepted.Load(), Open: int(n.open.Load()),
		Evicted: n.evicted.Load(), Expired: n.expired.Load(), Malformed: n.malformed.Load(),
		Unsent: n.unsent.Load(), Waiting: int(n.waiting.Load()),
	}
}

func newTCPServer(limits Limits) (*tcpServer, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	t := &tcpServer{
		limits: limits, maxOut: max(limits.Buffers/16, 4*maxOut), poll: poll, start: time.Now(),
		listeners: map[int]listener{}, peers: map[netip.Addr]*peer{},
		quiet:    queue{kind: byState, limit: limits.Idle},
		half:     queue{kind: byState, limit: limits.Read},
		untaken:  queue{kind: byState, limit: limits.Write},
		finished: queue{kind: byState, limit: linger},
		in:       make([]byte, inRoom), out: make([]byte, 0, 2*maxOut),
	}
	t.client.TCP, t.client.origin = true, t
	return t, nil
}

// listen opens a listener for the connections to addr that arrive on cpu. It returns addr with
// the port that it got, if that was 0.
func (t *tcpServer) listen(addr netip.AddrPort, cpu int, c *Config) (netip.AddrPort, error) {
	fd, err := openSocket(unix.SOCK_STREAM, addr, cpu, c)
	if err != nil {
		return addr, err
	}
	addr = netip.AddrPortFrom(addr.Addr(), localAddr(fd).Port())
	return addr, t.watch(fd, listener{addr: addr})
}

// watch takes connections from a listener.
func (t *tcpServer) watch(fd int, l listener) error {
	t.listeners[fd] = l
	if errno := t.poll.add(fd, 0, unix.EPOLLIN); errno != 0 {
		return &OpError{"epoll_ctl", "tcp", l.addr, errno}
	}
	return nil
}

// close closes everything.
func (t *tcpServer) close() {
	for _, c := range t.conns {
		if c != nil {
			t.closeConn(c)
		}
	}
	t.closeListeners()
	t.poll.close()
}

func (t *tcpServer) closeListeners() {
	for fd := range t.listeners {
		t.closeListener(fd)
	}
}

func (t *tcpServer) closeListener(fd int) {
	t.poll.remove(fd) // closing does not, if somebody else has the socket open too (epoll(7), Q6)
	closeFD(fd)
	delete(t.listeners, fd)
}

// serve lets h answer until leave is called and no query is open.
func (t *tcpServer) serve(h Handler) {
	defer t.close()
	t.handler = h
	for !t.done() {
		t.poll.run(t.turn)
		t.tick()
	}
}

// yieldEvery is the number of rounds after which others get the CPU. That costs as much as a query.
const yieldEvery = 8

// turn handles all that is ready, round by round, until tick must run.
func (t *tcpServer) turn() {
	events := t.poll.ready()
	for len(events) > 0 {
		t.serveRound(events)
		if t.ticks() {
			return
		}
		if events = t.poll.ready(); len(events) > 0 && t.round%yieldEvery == 0 {
			runtime.Gosched() // there is more, but others get the CPU first
		}
	}
}

// serveRound gives each ready connection a turn, first those of clients that had none in the last
// round. The kernel keeps the order of what stays ready. So each round begins with another of the
// rest, or the same connections would use up their client's share every time.
func (t *tcpServer) serveRound(events []unix.EpollEvent) {
	t.now = time.Since(t.start)
	first, rest := t.part(events)
	t.round++
	for _, e := range first {
		t.handle(e)
	}
	for i := range rest {
		t.handle(rest[(int(t.round)+i)%len(rest)])
	}
	if due := t.due(); due != 0 && (t.armed == 0 || due < t.armed) {
		t.arm(due)
	}
}

// part moves the events of clients that had a turn in the last round behind the others.
func (t *tcpServer) part(events []unix.EpollEvent) (first, rest []unix.EpollEvent) {
	n := 0
	for i, e := range events {
		if c := t.conn(e); c == nil || c.peer.round != t.round {
			events[n], events[i] = e, events[n]
			n++
		}
	}
	return events[:n], events[n:]
}

// handle handles one event.
func (t *tcpServer) handle(e unix.EpollEvent) {
	if l, ok := t.listeners[int(e.Fd)]; ok {
		t.accept(int(e.Fd), l.addr)
		return
	}
	if c := t.conn(e); c != nil && c.peer.takeTurn(t.round) {
		t.serveConn(c, e.Events)
	}
}

// conn returns the connection of an event, or nil. An earlier event of the same round may have
// closed the connection to make room, and another may have been opened with the same descriptor.
func (t *tcpServer) conn(e unix.EpollEvent) *conn {
	if int(e.Fd) >= len(t.conns) {
		return nil // a listener's
	}
	if c := t.conns[e.Fd]; c != nil && c.mark == e.Pad {
		return c
	}
	return nil
}

// ticks reports whether tick must run.
func (t *tcpServer) ticks() bool { return t.armed != 0 && t.now >= t.armed || t.called() }

// called reports whether others have something for tick.
func (t *tcpServer) called() bool {
	return !t.leaving && t.deadline.Load() != nil || t.late.any.Load()
}

// tick does what is due.
func (t *tcpServer) tick() {
	t.now = time.Since(t.start)
	t.placeLate()
	t.expire()
	if t.deadline.Load() != nil {
		t.leaveStep()
	}
	t.arm(t.due())
}

// arm sets when tick must run; 0 is never.
func (t *tcpServer) arm(due time.Duration) {
	t.armed = due
	if due == 0 {
		t.poll.until(time.Time{})
	} else {
		t.poll.until(t.start.Add(due))
	}
	if t.called() {
		t.poll.until(time.Now()) // that came in between, and its own until is overwritten
	}
}

// expireSlack is how much later than its time a connection may expire, so that many expire
// together.
const expireSlack = 100 * time.Millisecond

// due returns when tick must run next, or 0 for never.
func (t *tcpServer) due() (at time.Duration) {
	if t.leaving {
		return t.now + leaveStepEvery
	}
	for _, q := range [...]*queue{&t.quiet, &t.half, &t.untaken, &t.finished} {
		if c := q.first; c != nil && (at == 0 || c.since+q.limit < at) {
			at = c.since + q.limit
		}
	}
	if at > 0 {
		at += expireSlack
	}
	return at
}

const (
	// quietListener is how long a listener must bring no connection before it is closed. A
	// handshake that has begun takes one round trip.
	quietListener = 100 * time.Millisecond

	// quietConn is how long a connection must bring no query before we close our side, so that
	// its client closes too. It is more than a client that is short of CPU takes from one query
	// to the next.
	quietConn = time.Second

	// linger is how long a client may take to close its side after we have closed ours.
	linger = time.Second

	// leaveStepEvery is the time from one leaveStep to the next.
	leaveStepEvery = 10 * time.Millisecond
)

// leave lets the connections finish until deadline, and closes. Any goroutine may call it.
func (t *tcpServer) leave(deadline time.Time) {
	t.deadline.Store(&deadline)
	t.poll.until(time.Now())
}

// done reports whether the server has left.
func (t *tcpServer) done() bool {
	if !t.leaving {
		return false
	}
	return len(t.listeners) == 0 && t.count.open.Load() == 0 || t.overtime(0)
}

// overtime reports whether the deadline is less than d away.
func (t *tcpServer) overtime(d time.Duration) bool {
	return time.Now().Add(d).After(*t.deadline.Load())
}

// leaveStep turns new connections away, closes the listeners once they are quiet, and closes our
// side of connections whose clients have their answers. A given listener it leaves to the others
// who hold it, after taking what waits in it.
func (t *tcpServer) leaveStep() {
	if !t.leaving {
		t.leaving, t.lastAccept = true, t.now
		for fd, l := range t.listeners {
			if !l.given {
				TurnAway(fd)
				continue
			}
			for n := 0; n < listenBacklog && t.accept(fd, l.addr); n += acceptMost {
			}
			t.closeListener(fd)
		}
	}
	if t.now-t.lastAccept >= quietListener {
		t.closeListeners()
	}
	until := t.now - quietConn
	if t.overtime(linger) {
		until = t.now // also connections that have just asked
	}
	for c := t.quiet.first; c != nil && c.since <= until; {
		next := c.links[byState].next
		if c.settled() {
			t.finish(c)
		}
		c = next
	}
}
