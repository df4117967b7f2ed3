package listen

import (
	"strconv"
	"testing"
	"time"
)

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
	flooded := start(t, Config{Sockets: 1}, hit, "127.0.0.1:0")
	calm := start(t, Config{Sockets: 1}, hit, "127.0.0.1:0")
	flood := startChild(t, "flood", network, flooded.Addrs()[0], conns)
	flood.line(t)
	until(t, "flood", func() bool { return flooded.UDP()[0].Shed > 0 || flooded.TCP().Queries > 1e5 })
	for range 5 { // other work on the machine may fall on the one and not on the other
		ask := startChild(t, "ask", network, flooded.Addrs()[0], calm.Addrs()[0])
		with, _ := strconv.Atoi(ask.line(t))
		without, _ := strconv.Atoi(ask.line(t))
		t.Logf("99th percentile: %d us, and %d us on the front that is not flooded", with, without)
		if with < 2*without {
			return
		}
	}
	t.Errorf("more than doubled; %+v, %+v", flooded.UDP()[0], flooded.TCP())
}
