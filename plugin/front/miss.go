package front

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/count"
)

const (
	// mostMisses is how many queries CoreDNS may have under way from all fronts together. Each
	// takes some 20 KB, so all of them take 80 MB.
	mostMisses = 4096

	// mostTransfers is how many of them may be zone transfers. One takes a megabyte for as long as
	// the client takes, and one connection could ask for hundreds.
	mostTransfers = 16
)

// places are the places for what is under way. Each client may have as many as are free, so that some
// stay free for others: a client alone has half, two have a third each.
type places struct {
	taken   atomic.Int64
	of      [1024]atomic.Int64 // by the hash of a client's address
	refused atomic.Uint64
	said    atomic.Int64 // when it was logged last that some were refused, in Unix seconds
}

var seed = maphash.MakeSeed()

func (p *places) by(client netip.Addr) *atomic.Int64 {
	addr := client.As16()
	return &p.of[maphash.Bytes(seed, addr[:])%uint64(len(p.of))]
}

// take takes a place for a client, of most that there are for all.
func (p *places) take(client netip.Addr, most int64) bool {
	taken, own := p.taken.Add(1), p.by(client).Add(1)
	if own <= most-taken+1 {
		return true
	}
	p.free(client)
	p.refused.Add(1)
	return false
}

// free gives a client's place back.
func (p *places) free(client netip.Addr) {
	p.taken.Add(-1)
	p.by(client).Add(-1)
}

// due reports whether to log that some were refused, once a minute at most.
func (p *places) due() bool {
	last, now := p.said.Load(), time.Now().Unix()
	return now-last >= 60 && p.said.CompareAndSwap(last, now)
}

// passOn hands a query to CoreDNS. If there is no room for it, a client over TCP hears so, and can ask
// another server at once; one over UDP hears nothing, because its address may be forged. The answer is
// appended to dst.
func (f *front) passOn(dst, query []byte, c *listen.Client) []byte {
	client := c.Remote.Addr()
	if !f.fronts.misses.take(client, mostMisses) {
		f.counts.Outcome(c.Reader, count.Busy)
		f.fronts.busy(client)
		return busy(dst, query, c.TCP)
	}
	f.counts.Outcome(c.Reader, count.Passed)
	w := f.writer(c.Later(), c.Remote, c.Local, c.TCP)
	g := f.enter()             // there is one as long as queries come
	query = bytes.Clone(query) // it is the socket's
	go func() {                // Responder.Send tells listen.Front.Serve, which waits for it
		defer f.fronts.misses.free(client)
		defer g.leave()
		defer w.to.Send(nil) // if nothing was sent
		g.ask(w, query)
	}()
	return nil
}

// busy appends a SERVFAIL to dst if the query came over TCP.
func busy(dst, query []byte, tcp bool) []byte {
	var q wire.Query
	if !tcp || q.Parse(query) != wire.Valid {
		return nil
	}
	return wire.AppendReply(dst, &q, wire.ServFail, 0, nil)
}

// writer returns a writer that sends CoreDNS's answer to a query.
func (f *front) writer(to listen.Responder, remote, local netip.AddrPort, tcp bool) *writer {
	w := &writer{fronts: f.fronts, client: remote.Addr(), to: to, tcp: tcp, remote: clientAddr(f.zoned(remote), tcp), local: f.bound}
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

// busy says that there was no room for a client's query.
func (f *Fronts) busy(client netip.Addr) {
	if m := &f.misses; m.due() {
		f.log.Warningf("express: CoreDNS has %d queries under way, %d of them from %v, and more from there get no answer, or SERVFAIL over TCP (%d so far, of all clients). Does an upstream not answer?",
			m.taken.Load(), m.by(client).Load(), client, m.refused.Load())
	}
}

// transfer has the server send a zone, unless too many are being sent.
func (g *generation) transfer(w *writer, r *dns.Msg) {
	f, client := w.fronts, w.client
	if !f.transfers.take(client, mostTransfers) {
		w.refuse(r, dns.RcodeServerFailure)
		if f.transfers.due() {
			f.log.Warningf("express: %d zones are being sent, and %v has to ask again for more (%d refused so far, of all clients)",
				f.transfers.taken.Load(), client, f.transfers.refused.Load())
		}
		return
	}
	defer f.transfers.free(client)
	w.stream = true
	g.server.ServeDNS(g.ctx, w, r)
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
	if w.tcp && len(r.Question) == 1 && (r.Question[0].Qtype == dns.TypeAXFR || r.Question[0].Qtype == dns.TypeIXFR) {
		g.transfer(w, r)
		return
	}
	g.server.ServeDNS(g.ctx, w, r)
}

// refuse answers r with a code and no records, as dns.Server does.
func (w *writer) refuse(r *dns.Msg, rcode int) {
	opcode := r.Opcode
	r.SetRcodeFormatError(r)
	r.Zero, r.Rcode = false, rcode
	if rcode == dns.RcodeNotImplemented {
		r.Opcode = opcode
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
