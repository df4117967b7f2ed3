package listen

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Defaults that others derive numbers of their own from. Config and Limits say what they mean.
const (
	DefaultQueue     = 2 << 20
	DefaultBacklog   = 448 << 10
	DefaultPerClient = 256
	DefaultIdle      = 10 * time.Second
)

// Config says where to listen and how much to allow. A zero value takes the default.
type Config struct {
	// Addrs are the addresses to listen on. A port of 0 takes a free one, the same for UDP
	// and TCP.
	Addrs []netip.AddrPort

	// Sockets is the number of UDP sockets, and of TCP listeners, at each address. Each takes
	// what arrives on a CPU of its own (SO_INCOMING_CPU), as long as there are enough CPUs. The
	// default is one for every CPU that is online. A front that shares its addresses with the
	// sockets of another server needs that many, because the kernel gives whatever arrives on
	// an uncovered CPU to any of the sockets.
	Sockets int

	// FirstReader is the number of this Front's first reader; see Client.Reader. A process
	// with several Fronts gives each its own numbers.
	FirstReader int

	// DualStack makes an address of Addrs that is unspecified, of either family, take IPv4 and IPv6
	// in one socket. So do the sockets that Go's package net opens: a front without DualStack
	// could not share a port with them. Clients' addresses are IPv4 ones where they are. On a
	// machine without IPv6 the socket is bound to 0.0.0.0, as in Go.
	DualStack bool

	// Given are sockets to serve besides those at Addrs.
	Given Given

	// FreeBind allows addresses that no interface has yet (IP_FREEBIND).
	FreeBind bool

	// UDPOnly opens no TCP listeners at Addrs, because another server has the TCP port.
	UDPOnly bool

	// Queue is how many bytes the kernel may hold of the datagrams that wait at one socket. It
	// counts 768 for a small query, so the default, 2 MiB, holds about 2,700 of them: as many as
	// arrive while a CPU limit pauses the process for 50 ms.
	Queue int

	// Backlog is how many bytes of one socket's queries may wait behind those of other clients;
	// see fair.go. The default is 448 KiB.
	Backlog int

	// Drain bounds how long leaving may take. The default is 5 s, as long as a stub resolver
	// waits for its answer (resolv.conf(5), timeout).
	Drain time.Duration

	// TCP bounds the connections.
	TCP Limits
}

// Given are bound sockets that somebody else opened: packet connections and listeners of the
// package net, or files. Open duplicates their descriptors, so that who opened them may close
// theirs. It sets the options that a socket may have after it is bound. They get what the kernel
// shares out to them; Config.Sockets does not apply.
//
// A socket stays with whoever holds another descriptor of it. So a Front that leaves answers what
// waits in it, and then reads no more. It sends nothing elsewhere.
type Given struct {
	UDP []syscall.Conn
	TCP []syscall.Conn
}

// Limits bounds the TCP connections of a Front. A zero value takes the default.
type Limits struct {
	// Conns is how many connections may be open. If one more comes, the idlest is closed. The
	// default is 10,000.
	Conns int

	// PerClient is how many connections one client address may have open. If it opens one more,
	// its own idlest is closed. The default is 256, since all pods on the host's network share
	// one address.
	PerClient int

	// Pipeline is how many queries of one connection may be open (Client.Later). The front
	// reads no more of them until it has answered one. The default is 256.
	Pipeline int

	// Idle is how long a connection may stay open without a query. After a late answer it may be
	// twice as long. The default is 10 s, as in CoreDNS (RFC 7766, section 6.2.3, recommends
	// seconds).
	Idle time.Duration

	// Read is how long a connection may leave a message half sent before it is closed. The default
	// is 5 s.
	Read time.Duration

	// Write is how long a connection may take none of its answers before it is closed. The default
	// is 5 s.
	Write time.Duration

	// Queries is how many queries one connection may ask. Then they are answered and our side is
	// closed. 0 is no limit.
	Queries int

	// Room is how many bytes we ask the kernel to keep of what a connection has received; it
	// doubles them. The default is StreamIn, enough for a client with few queries under way. One
	// with hundreds needs room for all of them, or TCP stalls: near a window smaller than a segment,
	// which loopback makes 64 KB long, a sender waits for 200 ms (RFC 9293, section 3.8.6.2).
	Room int

	// Buffers is how many bytes of half-read messages and unsent answers the front keeps for
	// all connections. Beyond that it closes a connection that keeps much, of a client that
	// keeps much; see hoarder. The default is 16 MiB. One connection may hold a sixteenth.
	Buffers int

	// Unsent is how many bytes the kernel may keep of answers that clients have not taken yet.
	// Beyond that the front closes connections in the same way. The default is 16 MiB.
	Unsent int

	// Total is shared by Fronts that take over from one another. Conns, Buffers and Unsent then
	// bound all of them together. By default a Front has a Total of its own.
	Total *Total
}

// Total counts what several Fronts keep. The zero value is ready to use.
type Total struct{ conns, buffered, unsent atomic.Int64 }

// withDefaults returns c with every zero value replaced, for a machine with the given number of
// CPUs.
func (c Config) withDefaults(cpus int) Config {
	c.Sockets = or(c.Sockets, cpus)
	c.Queue = or(c.Queue, DefaultQueue)
	c.Backlog = or(c.Backlog, DefaultBacklog)
	c.Drain = or(c.Drain, 5*time.Second)
	c.TCP.Conns = or(c.TCP.Conns, 10000)
	c.TCP.PerClient = or(c.TCP.PerClient, DefaultPerClient)
	c.TCP.Pipeline = or(c.TCP.Pipeline, 256)
	c.TCP.Idle = or(c.TCP.Idle, DefaultIdle)
	c.TCP.Read = or(c.TCP.Read, 5*time.Second)
	c.TCP.Write = or(c.TCP.Write, 5*time.Second)
	c.TCP.Room = or(c.TCP.Room, StreamIn)
	c.TCP.Buffers = or(c.TCP.Buffers, 16<<20)
	c.TCP.Unsent = or(c.TCP.Unsent, 16<<20)
	if c.TCP.Total == nil {
		c.TCP.Total = new(Total)
	}
	return c
}

// or returns v, or the default d if v is not positive.
func or[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// onlineCPUs returns the numbers of all CPUs that packets may arrive on. This process may not be
// allowed to run on all of them.
func onlineCPUs() []int {
	list, err := os.ReadFile("/sys/devices/system/cpu/online")
	if cpus := parseCPUs(strings.TrimSpace(string(list))); err == nil && len(cpus) > 0 {
		return cpus
	}
	cpus := make([]int, runtime.NumCPU())
	for i := range cpus {
		cpus[i] = i
	}
	return cpus
}

// parseCPUs reads the kernel's list format, for example 0-3,5 (cpuset(7)).
func parseCPUs(list string) (cpus []int) {
	for field := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(field, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil {
			return nil
		}
		for n := first; n <= last; n++ {
			cpus = append(cpus, n)
		}
	}
	return cpus
}
