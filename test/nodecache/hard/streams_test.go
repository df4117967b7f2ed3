package hard

import (
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/hostile"
)

// TestStreams sends over TCP everything that is not a query, and reads answers too slowly.
func TestStreams(t *testing.T) {
	s := newSiege(t)
	s.cacheMany()
	a := s.streams()
	s.attack([]hostile.Attack{
		{Name: "random bytes", Conns: 200, Do: a.Random},
		{Name: "empty frames", Conns: 50, Do: a.EmptyFrames},
		{Name: "frames as long as can be", Conns: 50, Do: a.LongFrames, Alone: true},
		{Name: "half a frame", Conns: 100, Do: a.HalfFrame},
		{Name: "a byte at a time", Conns: 20, Do: a.SlowWriter},
		{Name: "a byte a second", Conns: 50, Do: a.TooSlowWriter},
		{Name: "no reader", Conns: 40, Do: a.NoReader},
		{Name: "a slow reader", Conns: 10, Do: a.SlowReader},
	})
	s.end(s.before.resident + 64)
}

// TestStreamsMemory has connections send 72 MB of messages that never end, and read none of their
// 2,600 MB of answers. The node cache keeps some 15 MB of all that, and answers those that write slowly.
func TestStreamsMemory(t *testing.T) {
	s := newSiege(t)
	s.cacheMany()
	a := s.streams()
	s.attack([]hostile.Attack{{Name: "half a frame", Conns: 1200, Do: a.HalfFrame}, {Name: "no reader", Conns: 40, Do: a.NoReader}, {Name: "a byte at a time", Conns: 40, Do: a.SlowWriter}})
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

// streams are connections to the node cache.
func (s *siege) streams() hostile.Streams {
	return hostile.Streams{To: s.addr, Hit: "hit.others.test.", Long: "many.others.test."}
}

// attack has connections do what they do, and waits until none is left.
func (s *siege) attack(list []hostile.Attack) {
	s.t.Helper()
	s.streams().Attack(s.t, list)
	testkit.Eventually(s.t, "connections are closed", func() bool { return s.Scrape().Sum("nodecache_tcp_connections") < 10 })
}
