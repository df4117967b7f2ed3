package testkit

import (
	"net"
	"os"
	"syscall"
	"time"
)

// fillTime is how long a connection may take before the queue counts as full. The kernel answers
// a SYN at once, or not at all.
const fillTime = 300 * time.Millisecond

// Vanish has s answer nothing more and neither accept nor refuse connections, as if packets to
// it were dropped: the kernel drops a SYN while the queue of connections that nobody has
// accepted is full (listen(2)). Return and Stop end that.
func (s *Server) Vanish() {
	s.Do(Silent)
	s.mu.Lock()
	l := s.tcp
	s.mu.Unlock()
	_ = l.SetDeadline(time.Unix(1, 0)) // ends accept
	if err := queue(l, 0); err != nil {
		s.t.Errorf("vanishing: %v", err)
		return
	}
	for range 16 {
		c, err := net.DialTimeout("tcp", s.Addr.String(), fillTime)
		if os.IsTimeout(err) {
			return
		}
		if err != nil {
			s.t.Errorf("vanishing: %v", err)
			return
		}
		s.mu.Lock()
		s.filler = append(s.filler, c)
		s.mu.Unlock()
	}
	s.t.Error("vanishing: the queue does not fill")
}

// Return has a server that vanished do what p says from now on.
func (s *Server) Return(p Play) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Do(p)
	s.empty()
	if err := queue(s.tcp, 128); err != nil {
		s.t.Errorf("returning: %v", err)
	}
	_ = s.tcp.SetDeadline(time.Time{})
	l, done := s.tcp, s.done
	s.group.Go(func() { s.accept(l, done) })
}

// queue sets how many connections may wait to be accepted.
func queue(l *net.TCPListener, n int) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), n) }); err != nil {
		return err
	}
	return failed
}
