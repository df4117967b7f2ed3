package upstream

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
)

// fake is a DNS server on loopback that answers as its handler says.
type fake struct {
	addr    netip.AddrPort
	handle  func(q []byte, reply func(m []byte))
	tls     *tls.Config
	inOrder bool // a connection's next query waits until handle returns
	limit   int  // queries after which a connection is closed; 0 for none
	cuts    bool // it truncates what it answers over UDP

	queries atomic.Int64
	open    atomic.Int64 // connections
	most    atomic.Int64
	dials   atomic.Int64

	mu    sync.Mutex
	tcp   net.Listener
	udp   *net.UDPConn
	conns map[net.Conn]struct{}
	group sync.WaitGroup
}

// serve starts a fake on addr, or where that is not valid on a port of its own.
func serve(t testing.TB, f *fake) *fake {
	t.Helper()
	if f.handle == nil {
		f.handle = echo
	}
	if !f.addr.IsValid() {
		f.addr = netip.MustParseAddrPort("127.0.0.1:0")
	}
	f.conns = map[net.Conn]struct{}{}
	err := f.listen()
	for try := 0; err != nil && try < 20; try++ { // a port may be taken over UDP
		err = f.listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	f.group.Go(f.accept)
	f.group.Go(f.datagrams)
	t.Cleanup(f.stop)
	return f
}

func (f *fake) listen() error {
	l, err := net.Listen("tcp", f.addr.String())
	if err != nil {
		return err
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	if f.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr)); err != nil {
		l.Close()
		return err
	}
	f.addr, f.tcp = addr, l
	return nil
}

func (f *fake) stop() {
	f.tcp.Close()
	if f.udp != nil {
		f.udp.Close()
	}
	f.reset()
	f.group.Wait()
}

// reset closes all connections with a RST.
func (f *fake) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
}

func (f *fake) accept() {
	for {
		c, err := f.tcp.Accept()
		if err != nil {
			return
		}
		f.dials.Add(1)
		f.most.Store(max(f.most.Load(), f.open.Add(1)))
		if f.tls != nil {
			c = tls.Server(c, f.tls)
		}
		f.mu.Lock()
		f.conns[c] = struct{}{}
		f.mu.Unlock()
		f.group.Go(func() { f.stream(c) })
	}
}

func (f *fake) stream(c net.Conn) {
	var handlers sync.WaitGroup
	defer func() {
		c.Close()
		f.open.Add(-1)
		f.mu.Lock()
		delete(f.conns, c)
		f.mu.Unlock()
		handlers.Wait()
	}()
	var mu sync.Mutex
	reply := func(m []byte) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
	}
	for n := 0; f.limit == 0 || n < f.limit; n++ {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		f.queries.Add(1)
		if f.inOrder {
			f.handle(q, reply)
		} else {
			handlers.Go(func() { f.handle(q, reply) })
		}
	}
}

func (f *fake) datagrams() {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	for {
		q := make([]byte, 4096)
		n, from, err := f.udp.ReadFromUDPAddrPort(q)
		if err != nil {
			return
		}
		f.queries.Add(1)
		handlers.Go(func() {
			f.handle(q[:n], func(m []byte) {
				if f.cuts {
					wire.Message(m).SetFlags(wire.TC, 0)
				}
				_, _ = f.udp.WriteToUDPAddrPort(m, from)
			})
		})
	}
}

func (f *fake) endpoint(p Proto) Endpoint { return Endpoint{Addr: f.addr, Proto: p} }

// echo answers with the query as a response.
func echo(q []byte, reply func([]byte)) { reply(response(q)) }

func response(q []byte) []byte {
	m := bytes.Clone(q)
	wire.Message(m).SetFlags(wire.QR, 0)
	return m
}

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

func name(q []byte) string {
	n, _, _, _ := wire.Message(q).Question()
	return strings.TrimSuffix(n.String(), ".")
}

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

// pool returns a Forward of TCP servers that is closed when the test ends.
func pool(t testing.TB, c Config, servers ...*fake) *Forward {
	t.Helper()
	for _, f := range servers {
		c.Servers = append(c.Servers, f.endpoint(TCP))
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}
