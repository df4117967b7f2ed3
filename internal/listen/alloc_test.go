package listen

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestUDPAllocs has batches of one and of many queries answered without an allocation.
func TestUDPAllocs(t *testing.T) {
	for _, tt := range []struct{ listen, asked string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"0.0.0.0:0", "127.0.0.1"}, {"[::]:0", "127.0.0.1"}, {"[::]:0", "::1"},
	} {
		f := open(t, Config{Sockets: 1, UDPOnly: true, DualStack: strings.HasPrefix(tt.listen, "[")}, tt.listen)
		defer f.Close()
		s := f.udp[0]
		s.handler = echo
		c := dial(t, "udp", netip.AddrPortFrom(netip.MustParseAddr(tt.asked), s.addr.Port()))
		query, buf := []byte("query"), make([]byte, 512)
		var fd uintptr
		s.conn.Control(func(n uintptr) { fd = n })
		for _, batch := range []int{1, 20, 100} {
			allocs := testing.AllocsPerRun(100, func() {
				for range batch {
					c.Write(query)
				}
				s.turn(fd)
				for range batch {
					c.Read(buf)
				}
			})
			if allocs != 0 {
				t.Errorf("%v: %v allocations for %d queries, want 0", tt, allocs, batch)
			}
		}
	}
}

// TestTCPAllocs has queries on an open connection answered without an allocation.
func TestTCPAllocs(t *testing.T) {
	f := open(t, Config{Sockets: 1}, "127.0.0.1:0")
	defer f.Close()
	f.tcp.handler = echo
	c := dial(t, "tcp", f.Addrs()[0])
	query, buf := append(frame("one"), frame("two")...), make([]byte, 512)
	f.tcp.turn()
	if f.counts().TCP.Open != 1 {
		t.Fatal("not accepted")
	}
	allocs := testing.AllocsPerRun(100, func() {
		c.Write(query)
		f.tcp.turn()
		c.Read(buf)
	})
	if allocs != 0 {
		t.Errorf("%v allocations for 2 queries, want 0", allocs)
	}
}

// BenchmarkUDP is one query and its answer, the client's part included.
func BenchmarkUDP(b *testing.B) { benchmark(b, "udp", []byte("query"), 1) }

// BenchmarkUDPBatch is one of 32 queries that are sent before their answers are read.
func BenchmarkUDPBatch(b *testing.B) { benchmark(b, "udp", []byte("query"), 32) }

// BenchmarkTCP is one of 32 queries on one connection.
func BenchmarkTCP(b *testing.B) { benchmark(b, "tcp", frame("query"), 32) }

func benchmark(b *testing.B, network string, query []byte, ahead int) {
	f := open(b, Config{}, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f.Serve(ctx, echo) }()
	defer func() { cancel(); <-done }()
	c := dial(b, network, f.Addrs()[0])
	c.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, len(query))
	b.ReportAllocs()
	for b.Loop() {
		for range ahead {
			c.Write(query)
		}
		for range ahead {
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*ahead), "ns/query")
}
