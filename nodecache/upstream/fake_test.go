package upstream

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// fake is a DNS server that answers as its handler says. serve starts it on sockets. A fake made by
// inMemory has streams in memory, so that it can live in a synctest bubble, where a test's times
// don't depend on how busy the machine is.
type fake struct {
	testkit.Server
	handle handler
	cuts   bool // over UDP it truncates its answers

	memory bool
	hole   chan struct{} // not nil: until it is closed, connections are neither accepted nor refused
	gone   bool          // connections are refused
	mu     sync.Mutex
	pipes  map[net.Conn]struct{}
	asked  map[string]int // by name, in memory
	group  sync.WaitGroup
}

// handler takes a query and may call reply with answers, at once or later.
type handler func(q []byte, reply func(m []byte))

// serve starts a fake on a port of loopback. The test's end stops it.
func serve(t testing.TB, f *fake) *fake {
	t.Helper()
	if f.handle == nil {
		f.handle = echo
	}
	f.Play = func(s *testkit.Session, q wire.Message) {
		f.handle(q, func(m []byte) {
			if f.cuts && !s.TCP() {
				wire.Message(m).SetFlags(wire.TC, 0)
			}
			s.Send(m)
		})
	}
	testkit.Start(t, &f.Server)
	return f
}

// bubble runs a test on a virtual clock, which goes on when all of its goroutines wait.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// inMemory makes f a server in memory. The test's end stops it.
func inMemory(t testing.TB, f *fake) *fake {
	if f.handle == nil {
		f.handle = echo
	}
	f.memory, f.pipes, f.asked = true, map[net.Conn]struct{}{}, map[string]int{}
	t.Cleanup(func() {
		f.Reset()
		f.group.Wait()
	})
	return f
}

// latency is the time that a query takes to a server in memory.
const latency = 100 * time.Microsecond

// dial returns a connection to a server in memory.
func (f *fake) dial(ctx context.Context) (net.Conn, error) {
	f.mu.Lock()
	hole := f.hole
	f.mu.Unlock()
	if hole != nil {
		select {
		case <-hole:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	f.pipes[theirs] = struct{}{}
	f.Dials.Add(1)
	f.Most.Store(max(f.Most.Load(), f.Open.Add(1)))
	f.group.Go(func() { f.stream(theirs) })
	return ours, nil
}

// stream takes the queries of a connection in memory.
func (f *fake) stream(c net.Conn) {
	queries := make(chan []byte, 4096) // a pipe holds nothing
	f.group.Go(func() { frames(c, queries) })
	var handlers, mu = sync.WaitGroup{}, sync.Mutex{}
	defer handlers.Wait()
	defer f.close(c)
	reply := func(m []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
	}
	n := 0
	for q := range queries {
		f.Queries.Add(1)
		f.note(q)
		if f.InOrder {
			time.Sleep(latency) // virtual time: what the server takes
			f.handle(q, reply)
		} else {
			handlers.Go(func() {
				time.Sleep(latency) // virtual time, as above
				f.handle(q, reply)
			})
		}
		if n++; n == f.Limit {
			return
		}
	}
}

func (f *fake) note(q []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[name(q)]++
}

// frames hands on the frames that come over c, and closes queries when c ends.
func frames(c net.Conn, queries chan<- []byte) {
	defer close(queries)
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		select {
		case queries <- q:
		default:
			panic("more queries than anyone asks")
		}
	}
}

// close counts a connection as closed before it closes it: the other side may open the next one at once.
func (f *fake) close(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.pipes[c]; ok {
		delete(f.pipes, c)
		f.Open.Add(-1)
	}
	c.Close()
}

// Asked returns how many queries there were for a name, written with its final dot.
func (f *fake) Asked(of string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[strings.TrimSuffix(of, ".")]
}

// Reset ends all connections.
func (f *fake) Reset() {
	if !f.memory {
		f.Server.Reset()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.pipes {
		c.Close()
	}
}

// die ends all connections of a server in memory, which accepts none from now on.
func (f *fake) die() {
	f.mu.Lock()
	f.gone = true
	f.mu.Unlock()
	f.Reset()
}

// live ends die.
func (f *fake) live() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = false
}

func (f *fake) endpoint(p Proto) Endpoint { return Endpoint{Addr: f.Addr, Proto: p} }

// echo answers with the query as a response.
func echo(q []byte, reply func([]byte)) { reply(response(q)) }

// after returns a handler that echoes after d.
func after(d time.Duration) handler {
	return func(q []byte, reply func([]byte)) {
		time.Sleep(d) // the server's work
		echo(q, reply)
	}
}

func response(q []byte) []byte { return testkit.Response(q) }

func withRcode(q []byte, code wire.Rcode) []byte {
	m := response(q)
	wire.Message(m).SetFlags(wire.Flags(code), 0xf)
	return m
}

func truncated(q []byte) []byte {
	m := response(q)
	wire.Message(m).SetFlags(wire.TC, 0)
	return m
}

// withAddress answers with addresses whose TTL is 0.
func withAddress(q []byte, addrs ...netip.Addr) []byte {
	m := []byte(wire.Message(response(q)).StripOPT())
	for _, a := range addrs {
		m = wire.AppendRecord(m, 0, wire.Answer, nil, typeFor(a), wire.IN, 0, a.AsSlice())
	}
	return m
}

// silent never answers.
func silent([]byte, func([]byte)) {}

// name returns the name that q asks for, in lower case and without its final dot.
func name(q []byte) string { return strings.TrimSuffix(testkit.NameOf(q), ".") }

// queryFor returns a query for a name, with an ID that no other test uses.
func queryFor(t testing.TB, name string) *wire.Query {
	t.Helper()
	return &wire.Query{ID: 0xabcd, RD: true, Name: testkit.Name(t, name), Type: wire.A, Class: wire.IN}
}

// messageFor returns the message of queryFor.
func messageFor(t testing.TB, name string) []byte {
	t.Helper()
	return wire.AppendQuery(nil, queryFor(t, name), nil)
}

// network returns a Config.dial for servers in memory. It gives addresses to those that have none.
func network(servers ...*fake) func(ctx context.Context, e Endpoint) (net.Conn, error) {
	at := map[netip.AddrPort]*fake{}
	for i, f := range servers {
		if !f.Addr.IsValid() {
			f.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i)}), 53)
		}
		at[f.Addr] = f
	}
	return func(ctx context.Context, e Endpoint) (net.Conn, error) { return at[e.Addr].dial(ctx) }
}

// forward returns a Forward that asks servers over TCP. The test's end closes it. On sockets only a
// hang meets the time-out, unless the test sets one.
func forward(t testing.TB, c Config, servers ...*fake) *Forward {
	t.Helper()
	if c.dial == nil && len(servers) > 0 && servers[0].memory {
		c.dial = network(servers...)
	}
	if c.dial == nil && c.ReadTimeout == 0 {
		c.ReadTimeout = testkit.Patience
	}
	for _, f := range servers {
		c.Servers = append(c.Servers, f.endpoint(TCP))
	}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}
