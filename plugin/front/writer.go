package front

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/listen"
)

// writer takes CoreDNS's answer to one query, as the writer of the DNS library's own server does.
type writer struct {
	fronts        *Fronts
	client        netip.Addr
	to            listen.Responder
	local, remote net.Addr
	tcp           bool
	stream        bool // the answer may be many messages (RFC 5936, section 2.2)

	closed     bool
	tsig       error
	mac        string // of the query's TSIG record
	timersOnly bool
}

// clientAddr returns a client's address in the type that CoreDNS tells the protocol from.
func clientAddr(a netip.AddrPort, tcp bool) net.Addr {
	if tcp {
		return net.TCPAddrFromAddrPort(a)
	}
	return net.UDPAddrFromAddrPort(a)
}

// LocalAddr implements dns.ResponseWriter. Over UDP it is the address that the socket is bound to,
// as in CoreDNS.
func (w *writer) LocalAddr() net.Addr { return w.local }

// RemoteAddr implements dns.ResponseWriter.
func (w *writer) RemoteAddr() net.Addr { return w.remote }

// WriteMsg implements dns.ResponseWriter.
func (w *writer) WriteMsg(m *dns.Msg) error {
	data, err := w.pack(m)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func (w *writer) pack(m *dns.Msg) (data []byte, err error) {
	if m.IsTsig() == nil {
		return m.Pack()
	}
	data, w.mac, err = dns.TsigGenerateWithProvider(m, noKeys{}, w.mac, w.timersOnly)
	return data, err
}

// Write implements dns.ResponseWriter. It waits only for a client that is slow to take a zone
// transfer.
func (w *writer) Write(data []byte) (int, error) {
	switch {
	case w.closed:
		return 0, net.ErrClosed
	case w.tcp && len(data) > dns.MaxMsgSize:
		return 0, dns.ErrBuf
	case w.stream:
		if err := w.to.Part(data); err != nil {
			return 0, err
		}
	default:
		w.to.Send(data)
	}
	return len(data), nil
}

// Close implements dns.ResponseWriter. Nothing is sent any more. A connection stays open, since it
// may have other queries under way.
func (w *writer) Close() error {
	w.closed = true
	return nil
}

// TsigStatus implements dns.ResponseWriter.
func (w *writer) TsigStatus() error { return w.tsig }

// TsigTimersOnly implements dns.ResponseWriter.
func (w *writer) TsigTimersOnly(b bool) { w.timersOnly = b }

// Hijack implements dns.ResponseWriter. There is nothing to take over.
func (w *writer) Hijack() {}

// verify sets the status of the TSIG record of a query.
func (w *writer) verify(query []byte, r *dns.Msg) {
	if t := r.IsTsig(); t != nil {
		w.tsig, w.mac = dns.TsigVerifyWithProvider(query, noKeys{}, "", false), t.MAC
	}
}

// noKeys knows no key, as a server without the tsig plugin. A listener that has one gets no front.
type noKeys struct{}

// Generate implements dns.TsigProvider.
func (noKeys) Generate([]byte, *dns.TSIG) ([]byte, error) { return nil, dns.ErrSecret }

// Verify implements dns.TsigProvider.
func (noKeys) Verify([]byte, *dns.TSIG) error { return dns.ErrSecret }
