package gauge

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"
)

// perAddress is how many connections Hold opens from one address: fewer than our front allows
// (listen.DefaultPerClient).
const perAddress = 200

// Hold opens TCP connections to a server on loopback, asks one question over each, and returns how
// many KB of the server's resident memory each takes.
func Hold(p *Process, server netip.AddrPort, question *dns.Msg, connections int) (kb float64, err error) {
	before, err := p.Memory("VmRSS")
	if err != nil {
		return 0, err
	}
	var first net.Conn
	for i := range connections {
		from := netip.AddrFrom4([4]byte{127, 0, 2, byte(1 + i/perAddress)})
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
		c, err := d.Dial("tcp", server.String())
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if first == nil {
			first = c
		}
		conn := dns.Conn{Conn: c}
		if err := conn.WriteMsg(question); err != nil {
			return 0, err
		}
		if _, err := conn.ReadMsg(); err != nil {
			return 0, err
		}
	}
	if !isOpen(first) {
		return 0, errors.New("the server has closed the first connection before the last was open")
	}
	after, err := p.Memory("VmRSS")
	return (after - before) * 1024 / float64(connections), err
}

// isOpen reports whether the other side of a connection with nothing to read has not closed it.
func isOpen(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}
