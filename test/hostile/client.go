package hostile

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Dial opens a connection, or a socket for datagrams, from an address. It waits for 8 s.
func Dial(network string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: 8 * time.Second}
	switch network {
	case "udp":
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	default:
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.Dial(network, to.String())
}

// Query returns a query with EDNS.
func Query(name string, t wire.Type) wire.Message {
	n, err := wire.ParseName(strings.TrimSuffix(name, "."))
	if err != nil {
		panic(err) // a test's own name
	}
	return wire.AppendQuery(nil, &wire.Query{ID: 1, RD: true, Name: n, Type: t, Class: wire.IN}, nil)
}

// Frame returns a message after its length (RFC 1035, section 4.2.2).
func Frame(m []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

// ReadFrame reads a message.
func ReadFrame(r io.Reader) (wire.Message, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, m)
	return m, err
}
