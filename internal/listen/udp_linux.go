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

// udpSocket is one UDP socket and its loop.
type udpSocket struct {
	addr       netip.AddrPort
	cpu        int
	reader     int
	file       *os.File
	conn       syscall.RawConn
	controlLen int // room for control messages; 0 if the socket is bound to one address
	batches    *batchPool
	handler    Handler
	backlog    backlog
	looked     bool                      // turn has looked at the queue since drain last asked
	deadline   atomic.Pointer[time.Time] // until when to leave; nil while serving
	count      udpCounters
}

func openUDP(addr netip.AddrPort, cpu int, c *Config, batches *batchPool) (*udpSocket, error) {
	fd, err := openSocket(unix.SOCK_DGRAM, addr, cpu, c)
	if err != nil {
		return nil, err
	}
	s := &udpSocket{cpu: cpu, batches: batches, backlog: backlog{most: c.Backlog / blockSize}}
	s.addr = netip.AddrPortFrom(addr.Addr(), localAddr(fd).Port())
	if addr.Addr().IsUnspecified() {
		s.controlLen = controlRoom
	}
	if s.file, s.conn, err = pollFile(fd, "udp "+addr.String()); err != nil {
		return nil, &OpError{"poll", "udp", addr, err}
	}
	return s, nil
}

// serve lets h answer until leave is called and nothing more is owed.
func (s *udpSocket) serve(h Handler) {
	defer s.file.Close()
	s.handler = h
	s.conn.Read(s.turn)
	s.drain()
	s.count.waiting.Add(int64(s.backlog.count)) // if time was up
}

// turn answers all that is queued. It always returns false: the poller then waits for the
// next datagram and calls it again, for as long as there is no deadline.
func (s *udpSocket) turn(fd uintptr) bool {
	s.looked = true
	for s.answerSome(int(fd)) && !s.overdue() {
		// There is more. Others get the CPU first, such as the flight of a miss.
		runtime.Gosched()
	}
	return false
}

// answerSome answers one batch, and reports whether there may be more. The batch is given
// back before others get the CPU, so that few are in use however many sockets there are.
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
	s.count.queries.Add(b.asked)
	// Less than a batch means that the queue was empty, and the poller tells when it no
	// longer is. Asking once more would cost a system call for each query.
	return n == batchSize || s.backlog.count > 0
}

// receive fills b with what is queued, and says how many datagrams that were.
func (s *udpSocket) receive(fd int, b *batch) int {
	n, errno := b.receive(fd, s.controlLen)
	if errno != 0 && errno != unix.EAGAIN {
		n, errno = b.receive(fd, s.controlLen) // the first call only reported an earlier error
	}
	if errno != 0 {
		return 0
	}
	s.count.batches.Add(1)
	return n
}

// answerOne has datagram i of b answered, if it is one.
func (s *udpSocket) answerOne(fd int, b *batch, i int) {
	if !b.isQuery(i) {
		return
	}
	query := b.take(i)
	b.asked++
	answer := s.handler(b.room(), query, &b.client)
	if len(answer) > 0 && b.answer(i, answer) {
		s.send(fd, b)
	}
}

// send sends the answers that b has.
func (s *udpSocket) send(fd int, b *batch) {
	if b.pending == 0 {
		return
	}
	pending := b.pending
	sent := b.send(fd)
	s.count.answers.Add(uint64(sent))
	s.count.unsent.Add(uint64(pending - sent))
}
