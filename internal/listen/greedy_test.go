package listen

import (
	"io"
	"net/netip"
	"testing"
	"time"
)

// greedy asks all it can on one connection, and leaves the loop no moment with nothing to do.
func greedy(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	c := dial(t, "tcp", addr)
	queries := make([]byte, 0, 64<<10)
	for len(queries) < 60<<10 {
		queries = append(queries, frame("query")...)
	}
	done := make(chan struct{}, 2)
	go func() { io.Copy(io.Discard, c); done <- struct{}{} }()
	go func() {
		for err := error(nil); err == nil; {
			_, err = c.Write(queries)
		}
		done <- struct{}{}
	}()
	t.Cleanup(func() { c.Close(); <-done; <-done })
}

// TestGreedyExpire lets others' time run out while one client keeps the loop busy.
func TestGreedyExpire(t *testing.T) {
	r := start(t, Config{TCP: Limits{Idle: 2 * time.Second}}, hit, "127.0.0.1:0")
	for range 4 {
		greedy(t, r.Addrs()[0])
	}
	idle := dial(t, "tcp", r.Addrs()[0])
	begin := time.Now()
	idle.Read(make([]byte, 1))
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("idle connection closed after %v", d)
	}
	until(t, "closed", func() bool { return r.TCP().Open < 5 })
	if s := r.TCP(); s.Expired != 1 || s.Open != 4 {
		t.Errorf("%+v, want 1 expired and 4 open", s)
	}
}

// TestGreedyLeave leaves in bounded time though a client keeps the loop busy.
func TestGreedyLeave(t *testing.T) {
	r := start(t, Config{Drain: 500 * time.Millisecond}, hit, "127.0.0.1:0")
	for range 4 {
		greedy(t, r.Addrs()[0])
	}
	until(t, "queries", func() bool { return r.TCP().Queries > 10000 })
	begin := time.Now()
	r.stop()
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("took %v", d)
	}
}
