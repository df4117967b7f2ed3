package listen

import (
	"time"

	"golang.org/x/sys/unix"
)

// quietUDP is how long a socket that has left its group must receive nothing before it is
// closed. A datagram whose delivery had begun by then takes microseconds.
const quietUDP = 20 * time.Millisecond

// leave takes the socket out of its reuseport group, so that new datagrams go to those who
// stay: a connected one is no member any more, but keeps what it has queued. The peer is the
// socket itself, from where nothing comes; the kernel takes the unspecified address for the
// loopback one. Late answers are waited for until deadline.
func (s *udpSocket) leave(deadline time.Time) {
	if sa, err := toSockaddr(s.addr); err == nil {
		// This fails when the address is gone from its device. Then nothing arrives either.
		s.conn.Control(func(fd uintptr) { unix.Connect(int(fd), sa) })
	}
	s.deadline.Store(&deadline)
	s.file.SetReadDeadline(time.Now())
}

// drain answers what is queued until all is quiet, nothing is owed, or time is up.
func (s *udpSocket) drain() {
	for {
		before := s.count.batches.Load()
		s.looked = false // on a busy machine the time may be over before it begins
		s.file.SetReadDeadline(time.Now().Add(quietUDP))
		s.conn.Read(s.turn)
		quiet := s.looked && s.count.batches.Load() == before && s.count.waiting.Load() == 0
		if quiet || s.overdue() || s.deadline.Load() == nil { // without leave, it was closed
			return
		}
	}
}

// overdue reports whether the time to leave is up.
func (s *udpSocket) overdue() bool {
	deadline := s.deadline.Load()
	return deadline != nil && time.Now().After(*deadline)
}
