package hard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// attack is what a number of connections do.
type attack struct {
	name  string
	conns int
	do    func(net.Conn) error
}

// TestStreams sends over TCP everything that is not a query, and reads answers too slowly.
func TestStreams(t *testing.T) {
	s := newSiege(t)
	s.cacheMany()
	s.attack([]attack{
		{"random bytes", 200, randomStream},
		{"empty frames", 50, emptyFrames},
		{"frames as long as can be", 50, longFrames},
		{"half a frame", 100, halfFrame},
		{"a byte at a time", 20, slowWriter},
		{"a byte a second", 50, tooSlowWriter},
		{"no reader", 40, noReader},
		{"a slow reader", 10, slowReader},
	})
	s.end(s.before.resident + 64)
}

// TestStreamsMemory has connections send 72 MB of messages that never end, and read none of their
// 2,600 MB of answers. The node cache keeps some 15 MB of all that, and answers those that write slowly.
func TestStreamsMemory(t *testing.T) {
	s := newSiege(t)
	s.cacheMany()
	s.attack([]attack{{"half a frame", 1200, halfFrame}, {"no reader", 40, noReader}, {"a byte at a time", 40, slowWriter}})
	s.end(s.before.resident + 64)
}

// cacheMany has the node cache keep a long answer. So it stops reading from a connection whose
// answers are not read. If the answer were not cached, fifty connections would wait for more bytes
// than the node cache keeps, and it would close most of them.
func (s *siege) cacheMany() {
	s.t.Helper()
	if a := overTCP.ask(s.addr, "many.others.test."); a.err != nil {
		s.t.Fatal(a)
	}
}

// attack opens connections from 40 clients, and waits until none is left.
func (s *siege) attack(list []attack) {
	s.t.Helper()
	var group sync.WaitGroup
	for _, a := range list {
		for i := range a.conns {
			group.Go(func() {
				c, err := client{"tcp", netip.AddrFrom4([4]byte{127, 0, 8, byte(1 + i%40)})}.dial(s.addr)
				if err == nil {
					_ = c.SetDeadline(time.Now().Add(streamTime))
					err = a.do(c)
					_ = c.Close()
				}
				if err != nil {
					s.t.Errorf("%s: %v", a.name, err)
				}
			})
		}
	}
	group.Wait()
	testkit.Eventually(s.t, "connections are closed", func() bool { return s.Scrape().Sum("nodecache_tcp_connections") < 10 })
}

// streamTime is how long a connection without progress may stay open before the test gives up.
// The node cache closes it after 5 s.
const streamTime = 30 * time.Second

// frame returns a message after its length.
func frame(m []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

// randomStream sends random bytes until the connection is closed, or 256 kB.
func randomStream(c net.Conn) error {
	for range 64 {
		if _, err := c.Write(random(4096)); err != nil {
			return nil
		}
	}
	return nil
}

// emptyFrames sends a frame without a message. The connection is closed for that.
func emptyFrames(c net.Conn) error {
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

// longFrames sends messages of 65,535 bytes and then a query. All are answered, as each has an ID.
func longFrames(c net.Conn) error {
	q := query("hit.others.test.", wire.A)
	for _, m := range [][]byte{
		append(bytes.Clone(q), make([]byte, wire.MaxMessage-len(q))...),
		wire.AppendQuery(nil, &wire.Query{ID: 1, Name: wire.Name("\x03hit\x06others\x04test\x00"), Type: wire.A, Class: wire.IN},
			wire.AppendOption(nil, 12, make([]byte, wire.MaxMessage-len(q)-4))),
		append(bytes.Clone(q[:wire.HeaderLen]), bytes.Repeat([]byte{0xc0, wire.HeaderLen}, (wire.MaxMessage-wire.HeaderLen)/2)...),
		q,
	} {
		if _, err := c.Write(frame(m)); err != nil {
			return err
		}
		reply, err := readFrame(c)
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", len(m), err)
		}
		if len(m) == len(q) && reply.Answers() != 1 {
			return fmt.Errorf("the query after them is answered by %x", reply)
		}
	}
	return nil
}

// readFrame reads a message.
func readFrame(c net.Conn) (wire.Message, error) {
	var size [2]byte
	if _, err := readFull(c, size[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := readFull(c, m); err != nil {
		return nil, err
	}
	return m, nil
}

// halfFrame sends half a message, and nothing more.
func halfFrame(c net.Conn) error {
	if _, err := c.Write(append([]byte{0xff, 0xff}, random(60000)...)); err != nil {
		return nil
	}
	return closed(c)
}

// slowWriter sends a query byte by byte, and gets an answer.
func slowWriter(c net.Conn) error {
	for _, b := range frame(query("hit.others.test.", wire.A)) {
		if _, err := c.Write([]byte{b}); err != nil {
			return err
		}
		time.Sleep(40 * time.Millisecond) // this pace is the load
	}
	m, err := readFrame(c)
	if err == nil && m.Answers() != 1 {
		err = fmt.Errorf("answered by %x", m)
	}
	return err
}

// tooSlowWriter sends a byte a second until the connection is closed.
func tooSlowWriter(c net.Conn) error {
	for range streamTime / time.Second {
		if _, err := c.Write([]byte{1}); err != nil {
			return nil
		}
		time.Sleep(time.Second) // this pace is the load
	}
	return fmt.Errorf("open for %v", streamTime)
}

// noReader asks for 65 MB and reads nothing until the connection is closed.
func noReader(c net.Conn) error {
	q := frame(query("many.others.test.", wire.A))
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

// slowReader asks for 20 long answers, and reads them all, a few kB at a time.
func slowReader(c net.Conn) error {
	const queries = 20
	if _, err := c.Write(bytes.Repeat(frame(query("many.others.test.", wire.A)), queries)); err != nil {
		return err
	}
	slow := slowConn{c}
	for i := range queries {
		m, err := readFrame(slow)
		if err != nil {
			return fmt.Errorf("answer %d: %w", i, err)
		}
		if m.Answers() < 4000 {
			return fmt.Errorf("answer %d has %d records", i, m.Answers())
		}
	}
	return nil
}

// slowConn reads 8 kB in 20 ms.
type slowConn struct{ net.Conn }

func (c slowConn) Read(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond) // so slow it is
	return c.Conn.Read(b[:min(len(b), 8192)])
}

func readFull(c net.Conn, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = c.Read(b[n:])
		n += k
	}
	return n, err
}
