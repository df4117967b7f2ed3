package ask

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Client asks one server over sockets that it keeps. It is for one goroutine.
type Client struct {
	server  string
	timeout time.Duration
	id      uint16
	udp     *dns.Conn
	tcp     *dns.Conn
	buffer  []byte
}

// NewClient returns a client of the server at an address.
func NewClient(server netip.AddrPort, timeout time.Duration) *Client {
	return &Client{server: server.String(), timeout: timeout, buffer: make([]byte, dns.MaxMsgSize)}
}

// Close closes the sockets.
func (c *Client) Close() {
	for _, conn := range []*dns.Conn{c.udp, c.tcp} {
		if conn != nil {
			conn.Close()
		}
	}
	c.udp, c.tcp = nil, nil
}

// Ask asks a question, and once more if no answer comes. If the server stays
// silent, so is the Answer; it is an error only if there is no server.
func (c *Client) Ask(q Question) (Answer, error) {
	a, err := c.once(q)
	if a.Silent {
		a, err = c.once(q)
		a.Again = true
	}
	return a, err
}

func (c *Client) once(q Question) (Answer, error) {
	if q.TCP && (q.Type == dns.TypeAXFR || q.Type == dns.TypeIXFR) {
		return c.transfer(q)
	}
	m, err := c.exchange(q)
	if err != nil {
		return silence(err)
	}
	return NewAnswer(m), nil
}

func silence(err error) (Answer, error) {
	if timeout(err) {
		return Answer{Silent: true}, nil
	}
	return Answer{}, err
}

// timeout reports whether a server took a question and did not answer, or closed
// the connection.
func timeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

func (c *Client) exchange(q Question) (*dns.Msg, error) {
	conn, err := c.conn(q.TCP)
	if err != nil {
		return nil, err
	}
	c.id++
	if err := conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return nil, fmt.Errorf("deadline: %w", err)
	}
	if err := conn.WriteMsg(q.Message(c.id)); err != nil {
		c.Close()
		return nil, fmt.Errorf("ask %s %s: %w", c.server, q, err)
	}
	for {
		m, err := c.read(q.TCP)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("read from %s to %s: %w", c.server, q, err)
		}
		if m.Id == c.id {
			return m, nil
		}
	}
}

// read reads one message. Datagrams go to a buffer that is kept: it has room for
// the largest, and would be expensive to make each time.
func (c *Client) read(tcp bool) (*dns.Msg, error) {
	if tcp {
		return c.tcp.ReadMsg()
	}
	n, err := c.udp.Conn.Read(c.buffer)
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(c.buffer[:n])
}

func (c *Client) conn(tcp bool) (*dns.Conn, error) {
	kept, network := &c.udp, "udp"
	if tcp {
		kept, network = &c.tcp, "tcp"
	}
	if *kept != nil {
		return *kept, nil
	}
	conn, err := dns.DialTimeout(network, c.server, c.timeout)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", c.server, err)
	}
	*kept = conn
	return conn, nil
}
