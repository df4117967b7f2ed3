package listen

import (
	"net/netip"
	"sync/atomic"
)

// UDPStats counts what one UDP socket did since it was opened.
type UDPStats struct {
	Addr     netip.AddrPort
	CPU      int    // the CPU whose queries the socket takes
	Queries  uint64 // datagrams given to the handler
	Answers  uint64 // answers sent, late ones included
	Late     uint64 // answers sent through a Responder
	Batches  uint64 // system calls that returned datagrams
	Unsent   uint64 // answers that the kernel did not take
	Overflow uint64 // datagrams that the kernel dropped because the socket's queue was full
	Shed     uint64 // datagrams dropped under overload, of clients that sent more than their share
	Waiting  int    // queries left open
}

// TCPStats counts what all TCP connections did since the front was opened.
type TCPStats struct {
	Accepted  uint64
	Open      int    // connections open now
	Evicted   uint64 // connections closed to make room
	Expired   uint64 // connections closed for being idle or stalled
	Malformed uint64 // connections not read any more for an empty message
	Queries   uint64 // messages given to the handler
	Answers   uint64 // answers handed to a connection, late ones included
	Late      uint64 // answers handed over through a Responder
	Unsent    uint64 // answers too long for a frame, or whose connection was gone
	Buffered  int    // octets of half-read messages and unsent answers kept now
	Waiting   int    // queries left open
}

// udpCounters are written by the socket's loop, once a batch, and by Responders.
type udpCounters struct {
	queries, answers, late, batches, unsent, shed atomic.Uint64
	waiting                                       atomic.Int64
}

// tcpCounters are written by the TCP loop and by Responders.
type tcpCounters struct {
	accepted, evicted, expired, malformed, queries, answers, late, unsent atomic.Uint64
	open, buffered, waiting                                               atomic.Int64
}

func (n *tcpCounters) stats() TCPStats {
	return TCPStats{
		Accepted: n.accepted.Load(), Open: int(n.open.Load()),
		Evicted: n.evicted.Load(), Expired: n.expired.Load(), Malformed: n.malformed.Load(),
		Queries: n.queries.Load(), Answers: n.answers.Load(), Late: n.late.Load(), Unsent: n.unsent.Load(),
		Buffered: int(n.buffered.Load()), Waiting: int(n.waiting.Load()),
	}
}
