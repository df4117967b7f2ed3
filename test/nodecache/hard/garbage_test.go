package hard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// besieged answers a name that begins with many with thousands of addresses, and others
// rightly.
func besieged(s *session, q wire.Message) {
	if strings.HasPrefix(nameOf(q), "many") {
		many(s, q)
		return
	}
	answers(s, q)
}

// The flood of garbage.
const (
	packets  = 1_000_000
	senders  = 4
	perRound = 250 // packets, after which a sender waits for the answer to a query
)

// TestGarbage sends a million packets, of which hardly any is a query.
func TestGarbage(t *testing.T) {
	s := newSiege(t)
	began := time.Now()
	var answered, rounds atomic.Int64
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			c, err := client{"udp", netip.AddrFrom4([4]byte{127, 0, 6, byte(1 + i)})}.dial(s.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range packets / senders / perRound {
				for range perRound {
					_, _ = c.Write(junk(r)) // a full queue is no matter of ours
				}
				rounds.Add(1)
				if answersHit(c) {
					answered.Add(1)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d packets in %v; %d of %d queries of their senders were answered", packets, time.Since(began), answered.Load(), rounds.Load())
	if answered.Load() < rounds.Load()/2 {
		t.Errorf("%d of %d queries were answered between the packets, so that those may not have been read", answered.Load(), rounds.Load())
	}
	s.end(s.before.resident + 64)
}

// answersHit reports whether a query for a name in the cache is answered over c, among
// answers to others.
func answersHit(c net.Conn) bool {
	q := query("hit.others.test.", wire.A)
	id := rand.N[uint16](1 << 15)
	q.SetID(id)
	if _, err := c.Write(q); err != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	var buf [65535]byte
	for {
		n, err := c.Read(buf[:])
		if err != nil {
			return false
		}
		if m := wire.Message(buf[:n]); n >= wire.HeaderLen && m.ID() == id && m.Answers() == 1 {
			return true
		}
	}
}

// query returns a query with EDNS.
func query(name string, t wire.Type) wire.Message {
	n, err := wire.ParseName(strings.TrimSuffix(name, "."))
	if err != nil {
		panic(err) // a test's own name
	}
	return wire.AppendQuery(nil, &wire.Query{ID: 1, RD: true, Name: n, Type: t, Class: wire.IN}, nil)
}

// junk returns a packet that should not be.
func junk(r *rand.Rand) []byte {
	q := query("garbage.example.org.", wire.A)
	q.SetID(uint16(r.Uint32()) | 1<<15) // none of answersHit
	switch r.IntN(25) {
	case 0: // cut off
		return q[:r.IntN(len(q))]
	case 1: // some octets are others
		for range 1 + r.IntN(4) {
			q[2+r.IntN(len(q)-2)] = byte(r.Uint32())
		}
	case 2, 3: // the question's name is a pointer to itself, or to somewhere
		q = append(q[:wire.HeaderLen:wire.HeaderLen], pointer(wire.HeaderLen+r.IntN(2)*r.IntN(1<<14))...)
		return append(q, 0, 1, 0, 1)
	case 4, 5: // labels that point at each other
		q = append(q[:wire.HeaderLen:wire.HeaderLen], 1, 'x', 0xc0, wire.HeaderLen, 0, 1, 0, 1)
	case 6, 7: // records that are promised
		for at := 4; at < wire.HeaderLen; at += 2 {
			binary.BigEndian.PutUint16(q[at:], uint16(r.Uint32()>>(16*r.IntN(2))))
		}
	case 8, 9: // an answer
		return wrong(q)
	case 10: // another opcode
		q[2] = q[2]&0x87 | byte(r.IntN(16))<<3
	case 11, 12: // options that run over their end
		q = wire.AppendQuery(nil, &wire.Query{ID: q.ID(), Name: wire.Name("\x07garbage\x00"), Type: wire.A, Class: wire.IN}, randomOf(r, r.IntN(64)))
	case 13: // more octets behind
		q = append(q, randomOf(r, r.IntN(512))...)
	case 14: // huge
		if r.IntN(20) == 0 {
			return append(q, make([]byte, 1500+r.IntN(60000))...)
		}
	default:
		return randomOf(r, r.IntN(300))
	}
	return q
}

// randomOf returns random octets.
func randomOf(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.NativeEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

// The flood of names.
const (
	names    = 100_000
	flooders = 8
	window   = 50 // names of a flooder at a time
)

// TestFlood asks for names that nobody asked for before, as fast as they are answered.
// Of what they bring no more is kept than there is room for.
func TestFlood(t *testing.T) {
	s := newSiege(t)
	began := time.Now()
	var answered atomic.Int64
	var group sync.WaitGroup
	for i := range flooders {
		group.Go(func() { answered.Add(flood(t, s.addr, i)) })
	}
	group.Wait()
	t.Logf("%d names in %v, %d of them answered", names, time.Since(began), answered.Load())
	if n := answered.Load(); n < names/2 {
		t.Errorf("%d of %d names were answered, so that the cache may not be full", n, names)
	}
	entries := s.Scrape().Sum("coredns_cache_entries")
	t.Logf("%v entries in the cache", entries)
	if entries < 9000 || entries > 2*9984*1.02 {
		t.Errorf("%v entries in the cache, which is to hold 9,984 of each kind", entries)
	}
	s.end(s.before.resident + 64)
}

// flood asks for a flooder's share of the names, and returns how many were answered.
func flood(t *testing.T, to netip.AddrPort, i int) (answered int64) {
	c, err := client{"udp", netip.AddrFrom4([4]byte{127, 0, 7, byte(1 + i)})}.dial(to)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = c.Close() }()
	var buf [1500]byte
	open := 0
	for k := range names / flooders {
		if _, err := c.Write(query(fmt.Sprintf("unique-%d-%d.flood.example.org.", i, k), wire.A)); err == nil {
			open++
		}
		for open >= window {
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err := c.Read(buf[:]); err != nil {
				open = 0 // lost; go on
				break
			}
			open--
			answered++
		}
	}
	return answered
}

// TestStreams breaks TCP in every way that is not a query, and reads too slowly what it asked
// for.
func TestStreams(t *testing.T) {
	s := newSiege(t)
	// In the cache, so that a connection is not read from while its answers are not taken. What
	// fifty connections wait for at once is more than the front keeps, and most of them end.
	if a := overTCP.ask(s.addr, "many.others.test."); a.err != nil {
		t.Fatal(a)
	}
	var group sync.WaitGroup
	for name, attack := range map[string]struct {
		clients int
		do      func(net.Conn) error
	}{
		"random octets":         {200, randomStream},
		"empty frames":          {50, emptyFrames},
		"frames as long as can": {50, longFrames},
		"half a frame":          {300, halfFrame},
		"an octet at a time":    {20, slowWriter},
		"an octet a second":     {50, tooSlowWriter},
		"no reader":             {40, noReader},
		"a slow reader":         {10, slowReader},
	} {
		for i := range attack.clients {
			group.Go(func() {
				c, err := client{"tcp", netip.AddrFrom4([4]byte{127, 0, 8, byte(1 + i%40)})}.dial(s.addr)
				if err == nil {
					_ = c.SetDeadline(time.Now().Add(streamTime))
					err = attack.do(c)
					_ = c.Close()
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	group.Wait()
	run.Eventually(t, 5*time.Second, "connections are closed", func() bool { return s.Scrape().Sum("nodecache_tcp_connections") < 10 })
	s.end(s.before.resident + 96)
}

// streamTime is how long a connection may be open that makes no progress: 5 s, and that of a
// busy machine.
const streamTime = 15 * time.Second

// frame puts the length before a message.
func frame(m []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

// randomStream sends octets until it is closed, or has sent 256 kB.
func randomStream(c net.Conn) error {
	for range 64 {
		if _, err := c.Write(random(4096)); err != nil {
			return nil
		}
	}
	return nil
}

// emptyFrames sends a frame without a message, for which the connection is closed.
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

// longFrames sends messages of 65,535 octets, each of which has an ID and is answered, and
// then a query.
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
			return fmt.Errorf("after %d octets: %w", len(m), err)
		}
		if len(m) == len(q) && reply.Answers() != 1 {
			return fmt.Errorf("the query behind is answered by %x", reply)
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
	if _, err := c.Write(append([]byte{0xff, 0xff}, random(30000)...)); err != nil {
		return nil
	}
	return closed(c)
}

// slowWriter sends a query an octet at a time, and is answered.
func slowWriter(c net.Conn) error {
	for _, b := range frame(query("hit.others.test.", wire.A)) {
		if _, err := c.Write([]byte{b}); err != nil {
			return err
		}
		time.Sleep(40 * time.Millisecond)
	}
	m, err := readFrame(c)
	if err == nil && m.Answers() != 1 {
		err = fmt.Errorf("answered by %x", m)
	}
	return err
}

// tooSlowWriter sends an octet a second, until it is closed.
func tooSlowWriter(c net.Conn) error {
	for range streamTime / time.Second {
		if _, err := c.Write([]byte{1}); err != nil {
			return nil
		}
		time.Sleep(time.Second)
	}
	return fmt.Errorf("open for %v", streamTime)
}

// noReader asks for 60 MB and reads nothing, until it is closed.
func noReader(c net.Conn) error {
	q := frame(query("many.others.test.", wire.A))
	for range 1000 {
		if _, err := c.Write(q); err != nil {
			return nil
		}
	}
	deadline := time.Now().Add(streamTime)
	for ; time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if _, err := c.Write(q[:1]); err != nil {
			return nil
		}
	}
	return fmt.Errorf("open for %v", streamTime)
}

// slowReader asks for 20 long answers, and reads a few kB at a time, all of them.
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
	time.Sleep(20 * time.Millisecond)
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
