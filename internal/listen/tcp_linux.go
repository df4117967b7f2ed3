package listen

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readRoom is how many octets one connection may bring in before others get their turn.
	readRoom = 4 << 10

	// askMost is how many queries one client may bring in on all its connections before
	// others get their turn. What it then has left stays ready, and comes after theirs.
	askMost = 64

	// inRoom is room for what a connection kept, at most one incomplete message, and more.
	inRoom = 64<<10 + headerLen + readRoom
)

// tcpServer serves all TCP connections of a Front in one goroutine.
type tcpServer struct {
	limits  Limits
	maxOut  int // octets of unsent answers at which a connection is given up
	handler Handler
	poll    *poller
	start   time.Time     // when the clock was 0
	now     time.Duration // the clock, at the beginning of the turn
	armed   time.Duration // when the poller returns at the latest; 0 is never

	listeners map[int]netip.AddrPort // by descriptor
	conns     []*conn                // by descriptor
	peers     map[netip.Addr]*peer
	round     uint64 // counts the rounds in which the connections that are ready get a turn
	quiet     queue  // connections between messages
	stalled   queue  // connections with half a message, or with unsent answers
	finished  queue  // connections whose client should close
	accepted  sockaddr

	client  Client
	current *conn  // that asks
	in      []byte // input of current
	out     []byte // frames for current

	deadline   atomic.Pointer[time.Time] // until when to leave; nil while serving
	leaving    bool
	lastAccept time.Duration
	count      tcpCounters
}

func newTCPServer(limits Limits) (*tcpServer, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	t := &tcpServer{
		limits: limits, maxOut: max(limits.Buffers/16, 4*maxOut), poll: poll, start: time.Now(),
		listeners: map[int]netip.AddrPort{}, peers: map[netip.Addr]*peer{},
		quiet:    queue{kind: byState, limit: limits.Idle},
		stalled:  queue{kind: byState, limit: limits.Stall},
		finished: queue{kind: byState, limit: linger},
		in:       make([]byte, inRoom), out: make([]byte, 0, 2*maxOut),
	}
	t.client.TCP, t.client.origin = true, t
	return t, nil
}

// listen opens a listener for the connections to addr that arrive on cpu. It returns addr
// with the port that was found if it was 0.
func (t *tcpServer) listen(addr netip.AddrPort, cpu int, freeBind bool) (netip.AddrPort, error) {
	fd, err := openSocket(unix.SOCK_STREAM, addr, cpu, freeBind)
	if err != nil {
		return addr, err
	}
	addr = netip.AddrPortFrom(addr.Addr(), localAddr(fd).Port())
	t.listeners[fd] = addr
	if errno := t.poll.add(fd, 0, unix.EPOLLIN); errno != 0 {
		return addr, &OpError{"epoll_ctl", "tcp", addr, errno}
	}
	return addr, nil
}

// serve lets h answer until leave is called and nothing more is owed.
func (t *tcpServer) serve(h Handler) {
	defer t.close()
	t.handler = h
	for !t.done() {
		t.poll.run(t.turn)
		t.tick()
	}
}

// turn handles all that is ready, round by round, until something else is due.
func (t *tcpServer) turn() {
	events := t.poll.ready()
	for len(events) > 0 {
		t.serveRound(events)
		if t.ticks() {
			return
		}
		if events = t.poll.ready(); len(events) > 0 {
			runtime.Gosched() // there is more, but others get the CPU first
		}
	}
	if due := t.due(); due != 0 && (t.armed == 0 || due < t.armed) {
		t.arm(due)
	}
}

// serveRound gives what is ready a turn. The kernel keeps the order of what stays ready, so
// each round begins with another, lest the same connections use up their client's share.
func (t *tcpServer) serveRound(events []unix.EpollEvent) {
	t.now = time.Since(t.start)
	t.round++
	first := int(t.round % uint64(len(events)))
	for i := range events {
		t.handle(events[(first+i)%len(events)])
	}
}

// ticks reports whether tick is to run.
func (t *tcpServer) ticks() bool {
	return t.armed != 0 && t.now >= t.armed || !t.leaving && t.deadline.Load() != nil
}

// handle handles one event. Since it came, its connection may have been closed to make room,
// and another opened under the same descriptor.
func (t *tcpServer) handle(e unix.EpollEvent) {
	fd := int(e.Fd)
	if addr, ok := t.listeners[fd]; ok {
		t.accept(fd, addr)
		return
	}
	if fd >= len(t.conns) {
		return // a listener's that was closed meanwhile
	}
	if c := t.conns[fd]; c != nil && c.mark == e.Pad && c.peer.takeTurn(t.round) {
		t.serveConn(c, e.Events)
	}
}

// tick does what is due.
func (t *tcpServer) tick() {
	t.now = time.Since(t.start)
	t.expire()
	if t.deadline.Load() != nil {
		t.leaveStep()
	}
	t.arm(t.due())
}

// arm sets when tick is to run; 0 is never.
func (t *tcpServer) arm(due time.Duration) {
	t.armed = due
	if due == 0 {
		t.poll.until(time.Time{})
	} else {
		t.poll.until(t.start.Add(due))
	}
	if t.deadline.Load() != nil && !t.leaving {
		t.poll.until(time.Now()) // leave was called meanwhile, and its call undone
	}
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
		closeFD(fd)
		delete(t.listeners, fd)
	}
}
