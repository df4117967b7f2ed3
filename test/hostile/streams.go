package hostile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Streams are attacks on a server over TCP.
type Streams struct {
	To   netip.AddrPort
	Hit  string // a name with one address
	Long string // a name with some 64 kB of addresses
}

// Attack is what a number of connections do. Do may return once the server has closed its
// connection; an error means that the server did not do what it should.
type Attack struct {
	Name  string
	Conns int
	Do    func(net.Conn) error

	// Alone says that each connection is a client of its own. A front that has little room closes
	// connections of clients that keep much, and a client keeps what all its connections do.
	Alone bool
}

// streamTime is how long a connection without progress may stay open before the test gives up.
// The fronts close it after 5 s.
const streamTime = 30 * time.Second

// Attack opens connections from 40 clients, and waits until all have done what they do.
func (s Streams) Attack(t *testing.T, list []Attack) {
	t.Helper()
	var group sync.WaitGroup
	for _, a := range list {
		for i := range a.Conns {
			group.Go(func() {
				from := [4]byte{127, 0, 8, byte(1 + i%40)}
				if a.Alone {
					from = [4]byte{127, 0, 9, byte(1 + i)}
				}
				c, err := Dial("tcp", netip.AddrFrom4(from), s.To)
				if err == nil {
					_ = c.SetDeadline(time.Now().Add(streamTime))
					err = a.Do(c)
					_ = c.Close()
				}
				if err != nil {
					t.Errorf("%s: %v", a.Name, err)
				}
			})
		}
	}
	group.Wait()
}

// Random sends random bytes until the connection is closed, or 256 kB.
func (s Streams) Random(c net.Conn) error {
	for range 64 {
		if _, err := c.Write(random(4096)); err != nil {
			return nil
		}
	}
	return nil
}

// EmptyFrames sends a frame without a message. The connection is closed for that.
func (s Streams) EmptyFrames(c net.Conn) error {
	if _, err := c.Write([]byte{0, 0}); err != nil {
		return nil
	}
	return closed(c)
}

// closed reads until the other end closes, which it must.
func closed(c net.Conn) error {
	var buf [4096]byte
	for {
		if _, err := c.Read(buf[:]); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				return fmt.Errorf("open for %v", streamTime)
			}
			return nil
		}
	}
}

// LongFrames sends messages of 65,535 bytes and then a query. All are answered, as each has an ID.
func (s Streams) LongFrames(c net.Conn) error {
	q := Query(s.Hit, wire.A)
	name, _, _, _ := q.Question()
	for _, m := range [][]byte{
		append(bytes.Clone(q), make([]byte, wire.MaxMessage-len(q))...),
		wire.AppendQuery(nil, &wire.Query{ID: 1, Name: name, Type: wire.A, Class: wire.IN},
			wire.AppendOption(nil, 12, make([]byte, wire.MaxMessage-len(q)-4))),
		append(bytes.Clone(q[:wire.HeaderLen]), bytes.Repeat([]byte{0xc0, wire.HeaderLen}, (wire.MaxMessage-wire.HeaderLen)/2)...),
		q,
	} {
		if _, err := c.Write(Frame(m)); err != nil {
			return err
		}
		reply, err := ReadFrame(c)
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", len(m), err)
		}
		if len(m) == len(q) && reply.Answers() != 1 {
			return fmt.Errorf("the query after them is answered by %x", reply)
		}
	}
	return nil
}

// HalfFrame sends half a message, and nothing more.
func (s Streams) HalfFrame(c net.Conn) error {
	if _, err := c.Write(append([]byte{0xff, 0xff}, random(60000)...)); err != nil {
		return nil
	}
	return closed(c)
}

// HalfClosed asks, closes its own side, and reads the answer (RFC 9293, section 3.6).
func (s Streams) HalfClosed(c net.Conn) error {
	if _, err := c.Write(Frame(Query(s.Hit, wire.A))); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	m, err := ReadFrame(c)
	if err != nil || m.Answers() != 1 {
		return fmt.Errorf("answered by %x %w", m, err)
	}
	return closed(c)
}

// SlowWriter sends a query byte by byte, and gets an answer.
func (s Streams) SlowWriter(c net.Conn) error {
	for _, b := range Frame(Query(s.Hit, wire.A)) {
		if _, err := c.Write([]byte{b}); err != nil {
			return err
		}
		time.Sleep(40 * time.Millisecond) // this pace is the load
	}
	m, err := ReadFrame(c)
	if err == nil && m.Answers() != 1 {
		err = fmt.Errorf("answered by %x", m)
	}
	return err
}

// TooSlowWriter sends a byte a second until the connection is closed.
func (s Streams) TooSlowWriter(c net.Conn) error {
	for range streamTime / time.Second {
		if _, err := c.Write([]byte{1}); err != nil {
			return nil
		}
		time.Sleep(time.Second) // this pace is the load
	}
	return fmt.Errorf("open for %v", streamTime)
}

// NoReader asks for 65 MB and reads nothing until the connection is closed.
func (s Streams) NoReader(c net.Conn) error {
	q := Frame(Query(s.Long, wire.A))
	for range 1000 {
		if _, err := c.Write(q); err != nil {
			return nil
		}
	}
	deadline := time.Now().Add(streamTime)
	// A write that fails is the only sign of the other end's close: a read would take the answers.
	for ; time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if _, err := c.Write(q[:1]); err != nil {
			return nil
		}
	}
	return fmt.Errorf("open for %v", streamTime)
}

// SlowReader asks for 20 long answers, and reads them all, a few kB at a time.
func (s Streams) SlowReader(c net.Conn) error {
	const queries = 20
	if _, err := c.Write(bytes.Repeat(Frame(Query(s.Long, wire.A)), queries)); err != nil {
		return err
	}
	slow := Slow{c}
	for i := range queries {
		m, err := ReadFrame(slow)
		if err != nil {
			return fmt.Errorf("answer %d: %w", i, err)
		}
		if len(m) < 60000 {
			return fmt.Errorf("answer %d has %d bytes", i, len(m))
		}
	}
	return nil
}

// Slow is a connection from which 8 kB are read in 20 ms.
type Slow struct{ net.Conn }

func (c Slow) Read(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond) // so slow it is
	return c.Conn.Read(b[:min(len(b), 8192)])
}

// random returns random bytes. They must cost little: whoever writes slowly needs the CPU in time.
func random(n int) []byte { return randomOf(rand.New(rand.NewPCG(rand.Uint64(), 1)), n) }
