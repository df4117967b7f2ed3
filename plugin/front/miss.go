package front

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/plugin/count"
)

// mostMisses is how many queries CoreDNS may have under way from all fronts together. Each takes some
// 20 KB, so all of them take 80 MB.
const mostMisses = 4096

// misses counts the queries that CoreDNS has under way.
type misses struct {
	open    atomic.Int64
	dropped atomic.Uint64
	said    atomic.Int64 // when it was logged last that some were dropped, in Unix seconds
}

// begin counts one more, if there may be one more.
func (m *misses) begin() bool {
	if m.open.Add(1) <= mostMisses {
		return true
	}
	m.open.Add(-1)
	return false
}

func (m *misses) end() { m.open.Add(-1) }

// passOn hands a query to CoreDNS.
func (f *front) passOn(query []byte, c *listen.Client) {
	if !f.fronts.misses.begin() {
		f.counts.Outcome(c.Reader, count.Busy)
		f.fronts.full()
		return
	}
	f.counts.Outcome(c.Reader, count.Passed)
	w := f.writer(c.Later(), c.Remote, c.Local, c.TCP)
	g := f.enter()             // there is one as long as queries come
	query = bytes.Clone(query) // it is the socket's
	go func() {                // Responder.Send tells listen.Front.Serve, which waits for it
		defer f.fronts.misses.end()
		defer g.leave()
		defer w.to.Send(nil) // if nothing was sent
		g.ask(w, query)
	}()
}

// writer returns a writer that sends CoreDNS's answer to a query.
func (f *front) writer(to listen.Responder, remote, local netip.AddrPort, tcp bool) *writer {
	w := &writer{to: to, tcp: tcp, remote: clientAddr(f.zoned(remote), tcp), local: f.bound}
	if tcp {
		w.local = clientAddr(f.zoned(local), true)
	}
	return w
}

// zoned returns a link-local address with the zone that such addresses are in here.
func (f *front) zoned(a netip.AddrPort) netip.AddrPort {
	if f.zone == "" || !a.Addr().IsLinkLocalUnicast() {
		return a
	}
	return netip.AddrPortFrom(a.Addr().WithZone(f.zone), a.Port())
}

// full counts a query that was dropped, and says so once a minute at most.
func (f *Fronts) full() {
	n, now := f.misses.dropped.Add(1), time.Now().Unix()
	if last := f.misses.said.Load(); now-last >= 60 && f.misses.said.CompareAndSwap(last, now) {
		f.Log.Warningf("express: CoreDNS has %d queries under way, and others are dropped (%d so far). Does an upstream not answer?", mostMisses, n)
	}
}

// ask has the server answer query, as the DNS library's own server would (dns.Server.serveDNS).
func (g *generation) ask(w *writer, query []byte) {
	r := new(dns.Msg)
	action := dns.MsgIgnore
	if header, ok := headerOf(query); ok {
		action = dns.DefaultMsgAcceptFunc(header)
	}
	switch action {
	case dns.MsgIgnore:
		return
	case dns.MsgAccept:
		if err := r.Unpack(query); err != nil {
			w.refuse(r, dns.RcodeFormatError)
			return
		}
	case dns.MsgReject:
		w.refuse(onlyHeader(query), dns.RcodeFormatError)
		return
	case dns.MsgRejectNotImplemented:
		w.refuse(onlyHeader(query), dns.RcodeNotImplemented)
		return
	}
	w.verify(query, r)
	w.stream = w.tcp && len(r.Question) == 1 && (r.Question[0].Qtype == dns.TypeAXFR || r.Question[0].Qtype == dns.TypeIXFR)
	g.server.ServeDNS(g.ctx, w, r)
}

// refuse answers r with a code and no records, as dns.Server does.
func (w *writer) refuse(r *dns.Msg, rcode int) {
	opcode := r.Opcode
	r.SetRcodeFormatError(r)
	r.Zero = false
	if rcode == dns.RcodeNotImplemented {
		r.Opcode, r.Rcode = opcode, rcode
	}
	r.Answer, r.Ns, r.Extra = nil, nil, nil
	_ = w.WriteMsg(r) // there is nobody to tell
}

// headerLen is the length of a message's header in bytes (RFC 1035, section 4.1.1).
const headerLen = 12

// headerOf reads the header of a message. It returns false if there is no whole one.
func headerOf(msg []byte) (h dns.Header, ok bool) {
	if len(msg) < headerLen {
		return h, false
	}
	for i, field := range []*uint16{&h.Id, &h.Bits, &h.Qdcount, &h.Ancount, &h.Nscount, &h.Arcount} {
		*field = binary.BigEndian.Uint16(msg[2*i:])
	}
	return h, true
}

// onlyHeader returns a message with the header of msg and nothing else.
func onlyHeader(msg []byte) *dns.Msg {
	r := new(dns.Msg)
	_ = r.Unpack(msg[:headerLen]) // it stops behind the header, without an error
	return r
}
