package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
)

// streamRoom is the room asked of the kernel for what a connection has received, and for what it
// has yet to send, in bytes. Left alone it would grow to megabytes.
const streamRoom = 32 << 10

// dialer returns how sockets are opened: from the configured address, and without the
// kernel's keepalive, as an idle connection is closed before that would start.
func (p *Forward) dialer() net.Dialer {
	return net.Dialer{KeepAlive: -1, Control: p.conf.Control}
}

func (p *Forward) source() netip.AddrPort {
	if !p.conf.Source.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.conf.Source, 0)
}

// dial opens a connection, and for TLS completes the handshake. The context bounds both.
func (s *server) dial(ctx context.Context) (net.Conn, error) {
	d := s.forward.dialer()
	tcp, err := d.DialTCP(ctx, "tcp", s.forward.source(), s.Addr)
	if err != nil {
		return nil, err
	}
	_ = tcp.SetReadBuffer(streamRoom)
	_ = tcp.SetWriteBuffer(streamRoom)
	if s.Proto != TLS {
		return newRawConn(tcp)
	}
	nc := tls.Client(tcp, s.tlsConfig())
	if err := nc.HandshakeContext(ctx); err != nil {
		tcp.Close()
		return nil, err
	}
	return nc, nil
}

// tlsConfig returns the pool's settings with the server's name: an endpoint's own, or the
// configured one, or the address, which a certificate may hold too (RFC 8310 section 8.1).
func (s *server) tlsConfig() *tls.Config {
	c := s.forward.tls.Clone()
	if s.ServerName != "" {
		c.ServerName = s.ServerName
	}
	if c.ServerName == "" {
		c.ServerName = s.Addr.Addr().String()
	}
	return c
}

// newTLS returns a copy of c that remembers sessions, so that connections opened on demand
// are cheap, and that takes TLS 1.2 or later.
func newTLS(c *tls.Config) *tls.Config {
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c = c.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if c.ClientSessionCache == nil {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return c
}
