package listen

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
)

// dialFrom connects a UDP client with an address of its own.
func dialFrom(t testing.TB, client string, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(client)}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(testkit.Patience))
	return c
}

// TestFairOrder queues one client's query behind many of another's, a full batch and less.
// It is answered before most of them.
func TestFairOrder(t *testing.T) {
	for _, count := range []int{batchSize, answersMost + 1} {
		order := fairOrder(t, count)
		for range 4 { // both clients may have the same hash by chance
			if order[fairShare] != "one" {
				order = fairOrder(t, count)
			}
		}
		if order[fairShare] != "one" {
			t.Errorf("order %v", order)
		}
	}
}

// fairOrder returns the order in which count queries are answered that one client sent, but
// for the last.
func fairOrder(t *testing.T, count int) (order []string) {
	f := open(t, Config{Sockets: 1}, "127.0.0.1:0")
	many, one := dialFrom(t, "127.0.0.5", f.Addrs()[0]), dialFrom(t, "127.0.0.6", f.Addrs()[0])
	for range count - 1 {
		many.Write([]byte("many"))
	}
	one.Write([]byte("one"))
	many.Write([]byte("end"))
	ended := make(chan struct{})
	r := serve(t, f, func(dst, query []byte, _ *Client) []byte {
		order = append(order, string(query))
		if string(query) == "end" {
			close(ended)
		}
		return dst
	})
	<-ended
	r.stop()
	if len(order) != count+1 {
		t.Fatalf("%d queries answered, want %d", len(order), count+1)
	}
	return order
}

// TestFairLater has a client ask while many queries of another's wait, more than one batch of
// them. It need not wait for them, and none of them is lost.
func TestFairLater(t *testing.T) {
	const count, at = 3 * batchSize, 8 * fairShare // when the backlog has its turn
	f := open(t, Config{Sockets: 1}, "127.0.0.1:0")
	many, one := dialFrom(t, "127.0.0.5", f.Addrs()[0]), dialFrom(t, "127.0.0.6", f.Addrs()[0])
	for range count {
		many.Write([]byte("many"))
	}
	answered, place := 0, 0
	ended := make(chan struct{})
	r := serve(t, f, func(dst, query []byte, _ *Client) []byte {
		switch answered++; {
		case string(query) == "one":
			place = answered
		case answered == at:
			one.Write([]byte("one"))
		}
		if answered == count+1 {
			close(ended)
		}
		return dst
	})
	<-ended
	r.stop()
	if place <= at || place > at+answersMost+fairShare {
		t.Errorf("asked while %d was answered, answered as %d", at, place)
	}
	if s := r.counts().UDP; answered != count+1 || s.Shed+s.Overflow > 0 {
		t.Errorf("%d answered, %+v", answered, s)
	}
}

// TestFairShed serves one client while another sends far more than the handler can answer.
func TestFairShed(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))) // the flood takes one
	r := start(t, Config{Sockets: 1}, func(dst, query []byte, c *Client) []byte {
		for begin := time.Now(); time.Since(begin) < 50*time.Microsecond; {
		}
		return append(dst, query...)
	}, "127.0.0.1:0")
	flood, one := dialFrom(t, "127.0.0.5", r.Addrs()[0]), dialFrom(t, "127.0.0.6", r.Addrs()[0])
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !ended.Load() {
			flood.SetWriteDeadline(time.Now().Add(testkit.Patience))
			flood.Write([]byte("flood"))
		}
	}()
	defer func() { ended.Store(true); <-done }()
	testkit.Eventually(t, "shed", func() bool { return r.counts().UDP.Shed > 0 })
	const count = 50
	for range 5 { // other work on the machine may take the reader's CPU, and then the kernel drops
		lost := 0
		for range count {
			one.SetDeadline(time.Now().Add(time.Second))
			one.Write([]byte("one"))
			if _, err := one.Read(make([]byte, 16)); err != nil {
				lost++
			}
		}
		t.Logf("%d of %d lost; %+v", lost, count, r.counts().UDP)
		if lost <= count/2 { // of all datagrams, nine in ten are
			return
		}
	}
	t.Errorf("more than half of %d lost, each time", count)
}

// TestRanks tells clients apart by address, of either family, and not by port.
func TestRanks(t *testing.T) {
	var names [batchSize]unix.RawSockaddrInet6
	for i := range names {
		names[i].Port = uint16(i)
		switch names[i].Family = unix.AF_INET6; i % 4 {
		case 0, 1:
			names[i].Family = unix.AF_INET
			names[i].Flowinfo = uint32(i % 4)
		case 2:
			names[i].Addr[15] = 1
		case 3:
			names[i].Addr[7] = 1
		}
	}
	for attempt := 0; ; attempt++ { // two of the four may have the same hash by chance
		var r ranks
		r.fill(names[:])
		right := true
		for i, rank := range r.of {
			right = right && int(rank) == i/4
		}
		if right {
			return
		}
		if attempt == 10 {
			t.Fatalf("ranks %v", r.of)
		}
	}
}

// put makes m, from a port, datagram 0 of b.
func put(b *batch, m []byte, port uint16) {
	b.names[0] = unix.RawSockaddrInet6{Family: unix.AF_INET, Port: port}
	b.queries[0].hdr.Namelen = 16
	b.queries[0].hdr.SetControllen(0)
	if port%2 == 1 {
		b.queries[0].hdr.SetControllen(controlRoom)
		b.controls[0].raw[0] = byte(port)
	}
	b.queries[0].n = uint32(copy(b.queryBuf[0][:], m))
}

// TestBacklog moves messages of all lengths through a backlog. They come out unchanged and in
// order, and only a full backlog refuses any.
func TestBacklog(t *testing.T) {
	type message struct {
		content []byte
		port    uint16
	}
	room := func(m message) int { return len(m.content) + int(m.port%2)*controlRoom }
	var model []message
	const most = 32 // blocks
	l, in, out := &backlog{most: most}, newBatch(), newBatch()
	refused, held := 0, 0
	for n := range 200000 {
		longest := queryRoom
		if n/20000%2 == 0 {
			longest = 40 // so many that their number is the limit
		}
		if n/5000%2 == 0 || rand.IntN(2) == 0 {
			m := message{make([]byte, 1+rand.IntN(longest)), uint16(n)}
			m.content[0] = byte(n >> 8)
			put(in, m.content, m.port)
			if l.push(in, 0) {
				model = append(model, m)
				held += room(m)
			} else {
				refused++
				const least = blockRoom - queryRoom - controlRoom // bytes of a block that is full, unless it has batchSize queries
				if float64(len(model))/batchSize+float64(held)/least < most-2 {
					t.Fatalf("refused %d bytes after %d messages of %d", len(m.content), len(model), held)
				}
			}
		} else if len(model) > 0 {
			m := model[0]
			model, held = model[1:], held-room(m)
			l.pop(out, 0)
			q := &out.queries[0]
			if got := out.queryBuf[0][:q.n]; !bytes.Equal(got, m.content) || out.names[0].Port != m.port || q.hdr.Namelen != 16 {
				t.Fatalf("message %d from %d, want %d from %d", got, out.names[0].Port, m.content, m.port)
			}
			if has := q.hdr.Controllen > 0; has != (m.port%2 == 1) || has && out.controls[0].raw[0] != byte(m.port) {
				t.Fatalf("control message of %d: %v", m.port, has)
			}
		}
		if l.count != len(model) {
			t.Fatalf("%d messages, want %d", l.count, len(model))
		}
	}
	if refused == 0 {
		t.Error("none refused")
	}
}

// hit takes as long as an answer from the cache.
func hit(dst, query []byte, _ *Client) []byte {
	for begin := time.Now(); time.Since(begin) < 2*time.Microsecond; {
	}
	return append(dst, query...)
}

// TestFairTailUDP has one client send all it can. The 99th percentile of another's time to
// answer less than doubles.
func TestFairTailUDP(t *testing.T) { fairTail(t, "udp", 1) }

// TestFairTailTCP is the same with a client that sends on many connections.
func TestFairTailTCP(t *testing.T) { fairTail(t, "tcp", 100) }

// fairTail compares a Front that is flooded with one that is not. Both are served by the same
// process at the same time, so that what the flood costs by taking the CPU is left out.
func fairTail(t *testing.T, network string, conns int) {
	var asked counter
	flooded := start(t, Config{Sockets: 1}, asked.of(hit), "127.0.0.1:0")
	calm := start(t, Config{Sockets: 1}, hit, "127.0.0.1:0")
	flood := startChild(t, "flood", network, flooded.Addrs()[0], conns)
	flood.line(t)
	testkit.Eventually(t, "flood", func() bool { return flooded.counts().UDP.Shed > 0 || asked.tcp.Load() > 1e5 })
	for range 20 { // other work on the machine may fall on the one and not on the other
		ask := startChild(t, "ask", network, flooded.Addrs()[0], calm.Addrs()[0])
		with, _ := strconv.Atoi(ask.line(t))
		without, _ := strconv.Atoi(ask.line(t))
		t.Logf("99th percentile: %d us, and %d us on the front that is not flooded", with, without)
		if with < 2*without {
			return
		}
	}
	t.Errorf("more than doubled; %+v, %+v", flooded.counts().UDP, flooded.counts().TCP)
}
