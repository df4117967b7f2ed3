package hard

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// fake is a DNS server on loopback, over UDP and TCP, that does as its play says.
type fake struct {
	t    *testing.T
	addr netip.AddrPort
	play atomic.Pointer[play]

	open, most, all atomic.Int64 // TCP connections now, at a time, and ever

	mu    sync.Mutex
	asked map[string]int // by name in lower case
	tcp   net.Listener   // nil while it is stopped
	udp   *net.UDPConn
	conns map[net.Conn]struct{}
	hole  *hole
	done  chan struct{} // closed when it stops
	group sync.WaitGroup
}

// play says what becomes of a query. It is called in the order in which those of a connection
// came in, and the next waits until it returns.
type play func(s *session, q wire.Message)

// newFake starts a fake that answers rightly.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, asked: map[string]int{}}
	f.does(answers)
	for range 20 { // the port may be taken over UDP
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f.addr = netip.MustParseAddrPort(l.Addr().String())
		l.Close()
		if f.listen() == nil {
			t.Cleanup(f.stop)
			return f
		}
	}
	t.Fatal("no port is free over UDP and TCP")
	return nil
}

// does has f do what p says from now on.
func (f *fake) does(p play) { f.play.Store(&p) }

// start starts f again where it was.
func (f *fake) start() {
	f.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for err := f.listen(); err != nil; err = f.listen() {
		if time.Now().After(deadline) {
			f.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (f *fake) listen() error {
	l, err := net.Listen("tcp", f.addr.String())
	if err != nil {
		return err
	}
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(f.addr))
	if err != nil {
		l.Close()
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tcp, f.udp, f.conns, f.done = l, u, map[net.Conn]struct{}{}, make(chan struct{})
	f.group.Go(func() { f.accept(l) })
	f.group.Go(func() { f.datagrams(u, f.done) })
	return nil
}

// stop kills f: what comes is refused.
func (f *fake) stop() {
	f.mu.Lock()
	if f.tcp != nil {
		f.tcp.Close()
		f.udp.Close()
		close(f.done)
		f.tcp = nil
	}
	for c := range f.conns {
		c.Close()
	}
	f.hole.close()
	f.hole = nil
	f.mu.Unlock()
	f.group.Wait()
}

// timesAsked returns how often f was asked for a name.
func (f *fake) timesAsked(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[strings.ToLower(name)]
}

// totalAsked returns how many queries f has had for names that end so.
func (f *fake) totalAsked(suffix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, times := range f.asked {
		if strings.HasSuffix(name, suffix) {
			n += times
		}
	}
	return n
}

func (f *fake) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		if f.tcp != l {
			c.Close()
			f.mu.Unlock()
			return
		}
		f.conns[c] = struct{}{}
		done := f.done
		f.mu.Unlock()
		f.all.Add(1)
		open := f.open.Add(1)
		for most := f.most.Load(); open > most && !f.most.CompareAndSwap(most, open); most = f.most.Load() {
		}
		f.group.Go(func() { f.stream(c, done) })
	}
}

// stream takes the queries of a connection.
func (f *fake) stream(c net.Conn, done chan struct{}) {
	s := &session{f: f, conn: c, done: done, write: c.Write}
	defer func() {
		c.Close()
		f.mu.Lock()
		delete(f.conns, c)
		f.mu.Unlock()
		f.open.Add(-1)
	}()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		f.take(s, q)
	}
}

func (f *fake) datagrams(u *net.UDPConn, done chan struct{}) {
	for {
		q := make([]byte, 4096)
		n, from, err := u.ReadFromUDPAddrPort(q)
		if err != nil {
			return
		}
		write := func(b []byte) (int, error) { return u.WriteToUDPAddrPort(b, from) }
		f.take(&session{f: f, done: done, from: from, write: write}, q[:n])
	}
}

func (f *fake) take(s *session, q wire.Message) {
	f.mu.Lock()
	f.asked[nameOf(q)]++
	f.mu.Unlock()
	(*f.play.Load())(s, q)
}

// session is a connection of a fake's, or the sender of one datagram.
type session struct {
	f     *fake
	conn  net.Conn // nil over UDP
	from  netip.AddrPort
	done  chan struct{} // closed when the fake stops
	write func([]byte) (int, error)
	mu    sync.Mutex
	held  [][]byte // what a play keeps for later
	came  int      // queries, as far as a play counts them
}

// tcp reports whether s is a connection.
func (s *session) tcp() bool { return s.conn != nil }

// send sends a message.
func (s *session) send(m []byte) {
	if s.tcp() {
		m = append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
	}
	s.raw(m)
}

// raw sends bytes as they are. An error is the client's matter.
func (s *session) raw(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.write(b)
}

// after calls do once d is over, unless the fake stops before.
func (s *session) after(d time.Duration, do func()) {
	s.f.group.Go(func() {
		if s.wait(d) {
			do()
		}
	})
}

// wait waits, and reports whether the fake is still at work.
func (s *session) wait(d time.Duration) bool {
	select {
	case <-s.done:
		return false
	case <-time.After(d):
		return true
	}
}

// nameOf returns the name that m asks for, in lower case.
func nameOf(m wire.Message) string {
	name, _, _, ok := m.Question()
	if !ok {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(name.String(), ".") + ".")
}
