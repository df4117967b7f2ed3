package testkit

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Session is a client's TCP connection to a Server, or one datagram's sender.
type Session struct {
	From netip.AddrPort // the client

	server *Server
	tcp    *net.TCPConn // nil for a datagram
	done   <-chan struct{}
	mu     sync.Mutex
	write  func([]byte) (int, error)
}

// TCP reports whether s is a connection.
func (s *Session) TCP() bool { return s.tcp != nil }

// Network returns "tcp" or "udp".
func (s *Session) Network() string {
	if s.TCP() {
		return "tcp"
	}
	return "udp"
}

// Send sends a message to the client.
func (s *Session) Send(m []byte) {
	if s.TCP() {
		m = append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
	}
	s.Raw(m)
}

// Raw sends bytes to the client as they are. The client notices if that fails; the server
// need not.
func (s *Session) Raw(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.write(b)
}

// Close closes a connection.
func (s *Session) Close() {
	if s.TCP() {
		_ = s.tcp.Close()
	}
}

// Reset ends a connection with a RST.
func (s *Session) Reset() {
	if s.TCP() {
		_ = s.tcp.SetLinger(0)
		_ = s.tcp.Close()
	}
}

// Done is closed when the server stops.
func (s *Session) Done() <-chan struct{} { return s.done }

// Wait waits for d, and reports whether the server still runs then.
func (s *Session) Wait(d time.Duration) bool {
	select {
	case <-s.done:
		return false
	case <-time.After(d):
		return true
	}
}

// After calls do after d, unless the server stops before. A Play calls it to return at once.
func (s *Session) After(d time.Duration, do func()) {
	s.server.group.Go(func() {
		if s.Wait(d) {
			do()
		}
	})
}
