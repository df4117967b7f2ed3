package listen

import (
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// udpSocket is one UDP socket and its reader.
type udpSocket struct {
	addr       netip.AddrPort
	dual       bool // it takes both families
	given      bool // somebody else holds it too
	reader     int  // its number
	file       *os.File
	conn       syscall.RawConn
	controlLen int // room for control messages; 0 if the socket is bound to one address
	batches    *batchPool
	handler    Handler
	backlog    backlog
	looked     bool                      // turn has looked at the queue since drain last asked it to
	retired    bool                      // it reads no more, and waits for late answers only
	received   uint64                    // system calls that returned datagrams
	deadline   atomic.Pointer[time.Time] // the time by which to have left; nil while serving
	count      udpCounters
}

// UDPStats counts what UDP sockets did since they were opened.
type UDPStats struct {
	Unsent   uint64 // answers that the kernel did not take
	Overflow uint64 // datagrams that the kernel dropped because a socket's queue was full
	Shed     uint64 // datagrams dropped under overload, of clients that sent more than their share
	Waiting  int    // queries that are open
}

// udpCounters are written by the socket's reader and by Responders.
type udpCounters struct {
	unsent, shed atomic.Uint64
	waiting      atomic.Int64
}

func openUDP(addr netip.AddrPort, cpu int, c *Config, batches *batchPool) (*udpSocket, error) {
	fd, err := openSocket(unix.SOCK_DGRAM, addr, cpu, c)
	if err != nil {
		return nil, err
	}
	return newUDP(fd, netip.AddrPortFrom(addr.Addr(), localAddr(fd).Port()), c, batches)
}

// newUDP returns the reader of fd, which is bound to addr. If it fails, it closes fd.
func newUDP(fd int, addr netip.AddrPort, c *Config, batches *batchPool) (s *udpSocket, err error) {
	s = &udpSocket{addr: addr, batches: batches, backlog: backlog{most: c.Backlog / blockSize}}
	if addr.Addr().IsUnspecified() {
		s.controlLen = controlRoom
		only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		s.dual = err == nil && only == 0 && addr.Addr().Is6()
	}
	if s.file, s.conn, err = pollFile(fd, "udp "+addr.String()); err != nil {
		return nil, &OpError{"poll", "udp", addr, err}
	}
	return s, nil
}

// serve lets h answer until leave is called and no query is open.
func (s *udpSocket) serve(h Handler) {
	defer s.file.Close()
	s.handler = h
	s.conn.Read(s.turn)
	s.drain()
	s.count.waiting.Add(int64(s.backlog.count)) // not 0 if time was up
}

// turn answers all that is queued. It always returns false: the poller then waits for the next
// datagram and calls turn again, as long as there is no deadline.
func (s *udpSocket) turn(fd uintptr) bool {
	s.looked = true
	for !s.retired && s.answerSome(int(fd)) && !s.overdue() {
		// There is more. Others get the CPU first, for example the flight of a miss.
		runtime.Gosched()
	}
	return false
}

// answerSome answers one batch, and reports whether there may be more. It gives the batch back
// before others get the CPU, so that few are in use however many sockets there are.
func (s *udpSocket) answerSome(fd int) (more bool) {
	b := s.batches.get()
	defer s.batches.put(b)
	n := s.receive(fd, b)
	b.begin(s)
	if n > answersMost || s.backlog.count > 0 {
		s.answerFairly(fd, b, n)
	} else {
		for i := range n {
			s.answerOne(fd, b, i)
		}
	}
	s.send(fd, b)
	// A batch that is not full has emptied the queue, and the poller reports when the queue
	// fills again. Asking once more would cost a system call for each query.
	return n == batchSize || s.backlog.count > 0
}

// receive fills b with what is queued, and returns the number of datagrams.
func (s *udpSocket) receive(fd int, b *batch) int {
	n, errno := b.receive(fd, s.controlLen)
	if errno != 0 && errno != unix.EAGAIN {
		n, errno = b.receive(fd, s.controlLen) // the first call only reported an earlier error
	}
	if errno != 0 {
		return 0
	}
	s.received++
	return n
}

// answerFairly answers the first few queries of each client among the n datagrams of b, and then
// some of the backlog.
func (s *udpSocket) answerFairly(fd int, b *batch, n int) {
	s.answerFirst(fd, b, n)
	most := answersMost
	if n == batchSize {
		most = fairShare
	}
	for i := range min(most, s.backlog.count) {
		s.backlog.pop(b, i)
		s.answerOne(fd, b, i)
	}
}

// answerFirst answers the first few queries of each client among the n datagrams of b, and moves
// the others to the backlog. Then b is free for more.
func (s *udpSocket) answerFirst(fd int, b *batch, n int) {
	b.ranks.fill(b.names[:n])
	for i, rank := range b.ranks.of[:n] {
		if rank < fairShare || !b.isQuery(i) {
			s.answerOne(fd, b, i)
		} else if !s.backlog.push(b, i) {
			s.count.shed.Add(1)
		}
	}
	s.send(fd, b)
}

// answerOne lets the handler answer datagram i of b, if it is a query.
func (s *udpSocket) answerOne(fd int, b *batch, i int) {
	if !b.isQuery(i) {
		return
	}
	query := b.take(i)
	answer := s.handler(b.room(), query, &b.client)
	if len(answer) > 0 && b.answer(i, answer) {
		s.send(fd, b)
	}
}

// send sends the answers in b.
func (s *udpSocket) send(fd int, b *batch) {
	if b.pending == 0 {
		return
	}
	pending := b.pending
	if sent := b.send(fd); sent < pending {
		s.count.unsent.Add(uint64(pending - sent))
	}
}

// quietUDP is how long a socket that has left its group must receive nothing before it is
// closed. A datagram on its way to the socket at that moment arrives within microseconds.
const quietUDP = 20 * time.Millisecond

// leave takes the socket out of its reuseport group, so that new datagrams go to the sockets that
// stay. To do so it connects the socket: a connected one is no longer a member, but keeps what it
// has queued. It connects the socket to itself, because nothing comes from there; the kernel takes
// the unspecified address for the loopback one. The reader waits for late answers until deadline.
//
// A given socket is not connected, because it stays with whoever holds it too.
func (s *udpSocket) leave(deadline time.Time) {
	if !s.given {
		s.conn.Control(s.connect)
	}
	s.deadline.Store(&deadline)
	s.file.SetReadDeadline(time.Now())
}

// connect connects the socket to itself. That fails if the address is gone from its device. Then
// nothing arrives either. But a socket for both families may get IPv4 where a sysctl has switched
// IPv6 off, ::1 too.
func (s *udpSocket) connect(fd uintptr) {
	to := []netip.AddrPort{s.addr}
	if s.dual {
		to = append(to, netip.AddrPortFrom(netip.MustParseAddr("::ffff:127.0.0.1"), s.addr.Port()))
	}
	for _, addr := range to {
		if sa, err := toSockaddr(addr); err == nil && unix.Connect(int(fd), sa) == nil {
			return
		}
	}
}

// drain answers what is queued, until nothing more comes and no query is open, or time is up.
func (s *udpSocket) drain() {
	for {
		before := s.received
		s.looked = false // on a busy machine the time may be over before turn runs
		s.file.SetReadDeadline(time.Now().Add(quietUDP))
		s.conn.Read(s.turn)
		s.retired = s.given && s.looked // what still comes is for the others
		quiet := s.looked && (s.given || s.received == before) && s.count.waiting.Load() == 0
		if quiet || s.overdue() || s.deadline.Load() == nil { // no deadline: closed, and not by leave
			return
		}
	}
}

// overdue reports whether the time to leave is up.
func (s *udpSocket) overdue() bool {
	deadline := s.deadline.Load()
	return deadline != nil && time.Now().After(*deadline)
}

// addStats adds the socket's counters to sum, its own and the kernel's.
func (s *udpSocket) addStats(sum *UDPStats) {
	n := &s.count
	sum.Unsent += n.unsent.Load()
	sum.Shed += n.shed.Load()
	sum.Waiting += int(n.waiting.Load())
	s.conn.Control(func(fd uintptr) { sum.Overflow += uint64(memInfo(int(fd))[memInfoDrops]) })
}
