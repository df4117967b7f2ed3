package listen

import (
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readRoom is how many octets one connection may bring in before others get their turn,
	// or one message that is longer.
	readRoom = 1 << 10

	// askMost is how many queries one client may bring in on all its connections before
	// others get their turn. What it then has left stays ready, and comes after theirs.
	askMost = 16

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
func (t *tcpServer) listen(addr netip.AddrPort, cpu int, c *Config) (netip.AddrPort, error) {
	fd, err := openSocket(unix.SOCK_STREAM, addr, cpu, c)
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
