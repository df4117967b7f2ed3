package listen

import (
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dialFrom connects a UDP client with an address of its own.
func dialFrom(t testing.TB, client string, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(client)}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
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
	if s := r.UDP()[0]; s.Queries != count+1 || s.Shed+s.Overflow > 0 {
		t.Errorf("%+v", s)
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
			flood.SetWriteDeadline(time.Now().Add(10 * time.Second))
			flood.Write([]byte("flood"))
		}
	}()
	defer func() { ended.Store(true); <-done }()
	until(t, "shed", func() bool { return r.UDP()[0].Shed > 0 })
	const count = 50
	lost := 0
	for range count {
		one.SetDeadline(time.Now().Add(time.Second))
		one.Write([]byte("one"))
		if _, err := one.Read(make([]byte, 16)); err != nil {
			lost++
		}
	}
	t.Logf("%d of %d lost; %+v", lost, count, r.UDP()[0])
	if lost > count/2 { // of all datagrams, nine in ten
		t.Errorf("%d of %d lost", lost, count)
	}
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
