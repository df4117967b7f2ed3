package testkit

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neardns/neardns/internal/wire"
)

// Server is a DNS server for tests. It listens on UDP and TCP and does with queries what its
// Play says.
type Server struct {
	// To be set before Start, and not changed later.

	Addr    netip.AddrPort // with port 0: a free port; not valid: a free port of 127.0.0.1
	Play    Play           // what it does at first; Echo if nil
	TLS     *tls.Config    // of its TCP connections, if it is to speak TLS there
	InOrder bool           // a connection's next query waits until the Play returns
	Limit   int            // queries after which a connection is closed; 0 for none

	// Counted from Start on.

	Queries atomic.Int64
	Open    atomic.Int64 // TCP connections
	Most    atomic.Int64 // TCP connections at a time
	Dials   atomic.Int64 // TCP connections ever

	t     testing.TB
	play  atomic.Pointer[Play]
	group sync.WaitGroup

	mu     sync.Mutex
	asked  map[string]int // by name in lower case
	tcp    *net.TCPListener
	udp    *net.UDPConn
	conns  map[*Session]struct{}
	done   chan struct{} // closed when it stops; nil while it is stopped
	filler []net.Conn    // that wait to be accepted while it has vanished
}

// Serve starts a Server on a free port of 127.0.0.1. The end of the test stops it.
func Serve(t testing.TB, p Play) *Server {
	t.Helper()
	return Start(t, &Server{Play: p})
}

// Start starts a Server, sets its Addr and returns it. The end of the test stops it.
func Start(t testing.TB, s *Server) *Server {
	t.Helper()
	s.t, s.asked = t, map[string]int{}
	switch {
	case !s.Addr.IsValid():
		s.Addr = FreeAddr(t)
	case s.Addr.Port() == 0:
		s.Addr = netip.AddrPortFrom(s.Addr.Addr(), FreePort(t))
	}
	if s.Play == nil {
		s.Play = Echo
	}
	s.Do(s.Play)
	if err := s.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Do has s do what p says with the queries that come from now on.
func (s *Server) Do(p Play) { s.play.Store(&p) }

// Stop closes the server's sockets and connections: new ones are refused. It returns once
// every Play has returned. It may be called twice.
func (s *Server) Stop() {
	s.mu.Lock()
	if s.done != nil {
		close(s.done)
		s.done = nil
		_ = s.tcp.Close()
		_ = s.udp.Close()
	}
	for c := range s.conns {
		_ = c.tcp.Close()
	}
	s.empty()
	s.mu.Unlock()
	s.group.Wait()
}

// Restart starts s again after Stop, at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	var err error
	Eventually(s.t, "the address is free again", func() bool { err = s.listen(); return err == nil })
}

// Reset ends all TCP connections with a RST.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Reset()
	}
}

// Asked returns how many queries there were for a name, written with its final dot.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[strings.ToLower(name)]
}

// AskedBelow returns how many queries there were for names that end so.
func (s *Server) AskedBelow(suffix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, times := range s.asked {
		if strings.HasSuffix(name, suffix) {
			n += times
		}
	}
	return n
}

func (s *Server) listen() error {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(s.Addr))
	if err != nil {
		return err
	}
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.Addr))
	if err != nil {
		_ = l.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tcp, s.udp, s.conns, s.done = l, u, map[*Session]struct{}{}, make(chan struct{})
	done := s.done
	s.group.Go(func() { s.accept(l, done) })
	s.group.Go(func() { s.datagrams(u, done) })
	return nil
}

// accept accepts connections until l is closed or its deadline is over.
func (s *Server) accept(l *net.TCPListener, done <-chan struct{}) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		s.Dials.Add(1)
		conn := &Session{server: s, tcp: c, write: c.Write, done: done, From: addrPort(c.RemoteAddr())}
		var stream io.Reader = c
		if s.TLS != nil {
			secure := tls.Server(c, s.TLS)
			stream, conn.write = secure, secure.Write
		}
		if !s.add(conn) {
			_ = c.Close()
			return
		}
		s.group.Go(func() { s.stream(conn, stream) })
	}
}

// add notes a connection, unless its server is stopped.
func (s *Server) add(c *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-c.done:
		return false
	default:
	}
	s.conns[c] = struct{}{}
	s.Most.Store(max(s.Most.Load(), s.Open.Add(1)))
	return true
}

// remove counts a connection as closed before it closes it: the client may open the next one at once.
func (s *Server) remove(c *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.Open.Add(-1)
	_ = c.tcp.Close()
}

// stream takes the queries of a connection.
func (s *Server) stream(c *Session, from io.Reader) {
	var plays sync.WaitGroup
	defer plays.Wait()
	defer s.remove(c)
	for n := 1; ; n++ {
		q, err := frame(from)
		if err != nil {
			return
		}
		if s.InOrder {
			s.take(c, q)
		} else {
			plays.Go(func() { s.take(c, q) })
		}
		if n == s.Limit {
			plays.Wait()
			return
		}
	}
}

// frame reads a message and the two bytes before it that say its length (RFC 1035, section 4.2.2).
func frame(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, m)
	return m, err
}

// datagrams takes the queries that come over UDP, each beside the others.
func (s *Server) datagrams(u *net.UDPConn, done <-chan struct{}) {
	var plays sync.WaitGroup
	defer plays.Wait()
	for {
		q := make([]byte, 4096)
		n, from, err := u.ReadFromUDPAddrPort(q)
		if err != nil {
			return
		}
		write := func(b []byte) (int, error) { return u.WriteToUDPAddrPort(b, from) }
		c := &Session{server: s, write: write, done: done, From: from}
		plays.Go(func() { s.take(c, q[:n]) })
	}
}

func (s *Server) take(c *Session, q wire.Message) {
	s.Queries.Add(1)
	s.mu.Lock()
	s.asked[NameOf(q)]++
	s.mu.Unlock()
	(*s.play.Load())(c, q)
}

// empty closes what waits to be accepted.
func (s *Server) empty() {
	for _, c := range s.filler {
		_ = c.Close()
	}
	s.filler = nil
}

func addrPort(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }
