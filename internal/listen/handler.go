package listen

import "net/netip"

// Handler answers one query. It appends the answer to dst, which is empty but has room, and
// returns the extended slice. An empty result means that there is nothing to send now.
//
// dst, query and c belong to the front and are valid during the call only. Handlers run on
// the goroutine that reads the socket, several at a time on different ones, and must not
// wait: what can't be answered at once takes c.Later and returns nothing. They must not
// panic: the front does not recover, and a process without a loop that reads is better ended.
type Handler func(dst, query []byte, c *Client) []byte

// Client says where a query came from and how.
type Client struct {
	Remote  netip.AddrPort // who asked; the zone of a link-local address is left out
	Local   netip.AddrPort // the address that was asked, also on a socket bound to any address
	TCP     bool           // the query came over TCP, and its answer may take 65,535 octets
	Leaving bool           // the front is leaving: the client should close (RFC 7828, section 3.4: timeout 0)
	Cut     bool           // the datagram was longer than the 1,232 octets that are left of it

	// Reader is the number of the loop that read the query, from Config.FirstReader on, see
	// Front.Readers. The handler runs once at a time in each, so what is kept by reader has one
	// writer.
	Reader int

	origin origin
}

// Responder takes the answer to a query that was left open.
type Responder interface {
	// Send sends answer, or nothing when it is empty. It does not wait, does not keep
	// answer, and may be called from any goroutine. Only the first call counts, and it must
	// come: a front that leaves waits for it.
	Send(answer []byte)
}

// origin is the loop that reads a query.
type origin interface{ later() Responder }

// Later leaves the query open. It allocates; the Responder outlives the handler's call.
func (c *Client) Later() Responder { return c.origin.later() }

// NewClient returns a Client for a query that no socket received, such as a test's.
func NewClient(remote, local netip.AddrPort, tcp bool, later func() Responder) *Client {
	return &Client{Remote: remote, Local: local, TCP: tcp, origin: laterFunc(later)}
}

type laterFunc func() Responder

func (f laterFunc) later() Responder { return f() }
