package listen

import (
	"net/netip"
	"time"
)

// Handler answers one query. It appends the answer to dst, which is empty but has room, and
// returns the extended slice. An empty result sends nothing now.
//
// dst, query and c belong to the front and are valid during the call only. Handlers run on the
// readers, several at a time, and must not wait. A handler that cannot answer at once calls
// c.Later and returns nothing. Handlers must not panic: the front does not recover, because a
// process that has lost a reader had better end.
type Handler func(dst, query []byte, c *Client) []byte

// Client says where a query came from and how.
type Client struct {
	Remote  netip.AddrPort // the client's address, without the zone of a link-local one
	Local   netip.AddrPort // the address that the client asked, also on a socket bound to 0.0.0.0 or ::
	TCP     bool           // the query came over TCP, and its answer may take 65,535 bytes
	Leaving bool           // the front is leaving: the client should close (RFC 7828, section 3.4: timeout 0)
	Cut     bool           // the datagram was longer than the 1,232 bytes that the handler sees of it

	// Received is when the query was taken from its socket, together with others: the clock is not
	// read for each.
	Received time.Time

	// Reader is the number of the reader that read the query, from Config.FirstReader on; see
	// Front.Readers. A reader calls the handler for one query at a time, so a variable of each
	// reader has one writer.
	Reader int

	origin origin
}

// Responder takes the answer to a query that a handler has left open.
type Responder interface {
	// Send sends answer, or nothing if answer is empty. It does not wait and does not keep
	// answer. Any goroutine may call it. The first call counts, and there must be one: a
	// Front that leaves waits for it.
	Send(answer []byte)

	// Part sends message, one of several that make up an answer, as a zone transfer has them (RFC
	// 5936, section 2.2). It comes before Send, which ends the answer with its last message or
	// with nothing. Part does not keep message. Over TCP it waits while answers that the client
	// has not taken are kept for it, so no handler may call it. It returns an error if the message
	// is too long or the connection is gone, also because the client took nothing for
	// Limits.Write. Over UDP it does not wait.
	Part(message []byte) error
}

// origin is where a query came from: a batch of a UDP socket, or the TCP server.
type origin interface{ later() Responder }

// Later leaves the query open. It allocates a Responder, which stays valid after the handler
// has returned.
func (c *Client) Later() Responder { return c.origin.later() }

// NewClient returns a Client for a query that came through no socket, for example in a test.
func NewClient(remote, local netip.AddrPort, tcp bool, later func() Responder) *Client {
	return &Client{Remote: remote, Local: local, TCP: tcp, Received: time.Now(), origin: laterFunc(later)}
}

type laterFunc func() Responder

func (f laterFunc) later() Responder { return f() }
