package listen

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
)

// Config says where to listen and how much to allow. Zero values take the defaults named.
type Config struct {
	// Addrs are the addresses to listen on. A port of 0 takes a free one, the same for UDP
	// and TCP.
	Addrs []netip.AddrPort

	// Sockets is how many UDP sockets and TCP listeners each address gets, one per CPU
	// (SO_INCOMING_CPU). The default is GOMAXPROCS, at most 8.
	Sockets int

	// FirstReader is the first of this Front's readers, see Client.Reader. A process with several
	// Fronts gives each its own.
	FirstReader int

	// FreeBind allows addresses that no interface has yet (IP_FREEBIND).
	FreeBind bool

	// UDPOnly leaves TCP to another.
	UDPOnly bool

	// Queue is how many octets the kernel may keep of the datagrams that wait at one socket. It
	// counts 768 for a small query, so the default, 2 MiB, holds about 2,700: what comes in
	// while a CPU limit pauses the process for 50 ms.
	Queue int

	// Backlog is how many octets of the queries of one socket may wait behind others', see
	// fair_linux.go. The default is 448 KiB.
	Backlog int

	// Drain bounds how long leaving may take. The default is 5 s, as long as a stub
	// resolver waits for its answer (resolv.conf(5), timeout).
	Drain time.Duration

	// TCP bounds the connections.
	TCP Limits
}

// Limits bounds the TCP connections of a Front. Zero values take the defaults named.
type Limits struct {
	// Conns is how many connections may be open. For one more, the idlest is closed.
	// The default is 10,000.
	Conns int

	// PerClient is how many connections one client address may have open. For one more, its
	// own idlest is closed. The default is 256: all pods on the host's network share one.
	PerClient int

	// Pipeline is how many queries of one connection may be left open (Client.Later). No
	// more are read from it until one is answered. The default is 256.
	Pipeline int

	// Idle is how long a connection may ask nothing. The default is DefaultIdle.
	Idle time.Duration

	// Stall is how long a connection may leave a message half sent, or its answers not
	// taken, before it is closed. The default is 5 s.
	Stall time.Duration

	// Buffers is how many octets of half-read messages and unsent answers the front keeps
	// for all connections. For more, one is closed that keeps much, of a client that does, see
	// hoarder. The default is 16 MiB; one connection may hold a sixteenth.
	Buffers int

	// Unsent is how many octets the kernel may keep of answers that clients have not taken, in
	// the same way. The default is 16 MiB.
	Unsent int

	// Total is given to Fronts that take over from one another: Conns, Buffers and Unsent are
	// then for all of them together. The default is one of its own.
	Total *Total
}

// Total counts what several Fronts keep. The zero value is ready.
type Total struct{ conns, buffered, unsent atomic.Int64 }

// DefaultIdle is the idle time of today's node-local cache. RFC 7766, section 6.2.3, recommends some
// seconds.
const DefaultIdle = 10 * time.Second

// withDefaults returns c with every zero value replaced.
func (c Config) withDefaults() Config {
	c.Sockets = or(c.Sockets, min(runtime.GOMAXPROCS(0), 8))
	c.Queue = or(c.Queue, 2<<20)
	c.Backlog = or(c.Backlog, 448<<10)
	c.Drain = or(c.Drain, 5*time.Second)
	c.TCP.Conns = or(c.TCP.Conns, 10000)
	c.TCP.PerClient = or(c.TCP.PerClient, 256)
	c.TCP.Pipeline = or(c.TCP.Pipeline, 256)
	c.TCP.Idle = or(c.TCP.Idle, DefaultIdle)
	c.TCP.Stall = or(c.TCP.Stall, 5*time.Second)
	c.TCP.Buffers = or(c.TCP.Buffers, 16<<20)
	c.TCP.Unsent = or(c.TCP.Unsent, 16<<20)
	if c.TCP.Total == nil {
		c.TCP.Total = new(Total)
	}
	return c
}

// or returns v, or the default d where v is not positive.
func or[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}
