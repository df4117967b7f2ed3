package kubernetes

import (
	cryptotls "crypto/tls"
	"slices"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
)

// explainer adds extended errors (RFC 8914) to our answers to r, a query with EDNS. It stands before
// all plugins of the server block, because the cache plugin takes OPT records away: from the answers
// that it keeps, and from those that it passes on. So the question is looked up once more, unless the
// answer has what was asked for, and nothing is to be said of that.
type explainer struct {
	dns.ResponseWriter
	k *Kubernetes
	r *dns.Msg
}

// WriteMsg implements dns.ResponseWriter.
func (e *explainer) WriteMsg(m *dns.Msg) error {
	if notice := e.k.responder.Notice; failed(m) || notice != nil && notice().Set {
		e.explain(m)
	}
	return e.ResponseWriter.WriteMsg(m)
}

// ConnectionState implements dns.ConnectionStater for plugins that look at the client's TLS.
func (e *explainer) ConnectionState() *cryptotls.ConnectionState {
	if c, ok := e.ResponseWriter.(dns.ConnectionStater); ok {
		return c.ConnectionState()
	}
	return nil
}

// explain adds the extended error of our own reply to m, if that reply is such as m.
func (e *explainer) explain(m *dns.Msg) {
	asked := &e.r.Question[0] // rewritten, if a plugin has done so
	if asked.Qclass != dns.ClassINET || asked.Qtype == dns.TypeAXFR || asked.Qtype == dns.TypeIXFR {
		return
	}
	q, ok := e.k.responder.Zones.Question(asked.Name, wire.Type(asked.Qtype))
	if !ok {
		return
	}
	q.Size, q.EDNS = wire.MinUDPSize, true
	r, ok := e.k.pool.Get().(*reply.Reply)
	if !ok {
		r = new(reply.Reply)
	}
	defer e.k.pool.Put(r)
	e.k.responder.Answer(&q, r)
	if r.Follow && failed(m) {
		if alias := lastAlias(m); alias != nil {
			e.add(m, reply.WhyNoTarget(r, alias.Target, q.Type, wire.Rcode(m.Rcode)))
		}
		return
	}
	if !r.PassOn && int(r.Rcode) == m.Rcode && (r.Answer.Type == 0) == (len(m.Answer) == 0) {
		e.add(m, r.Error)
	}
}

// failed reports whether m lacks what was asked for. Aliases come before all else.
func failed(m *dns.Msg) bool {
	n := len(m.Answer)
	return n == 0 || m.Rcode != dns.RcodeSuccess || m.Answer[n-1].Header().Rrtype == dns.TypeCNAME
}

// lastAlias returns the last alias of a chain, or nil if there is none.
func lastAlias(m *dns.Msg) (alias *dns.CNAME) {
	for _, rr := range m.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			alias = c
		}
	}
	return alias
}

// add adds an extended error to m, as far as there is room: m loses no record.
func (e *explainer) add(m *dns.Msg, why wire.Error) {
	if !why.Set {
		return
	}
	state := request.Request{W: e.ResponseWriter, Req: e.r}
	state.SizeAndDo(m) // now it has an OPT record, which may be the query's own
	m.Compress = true  // as it will be if it is too long otherwise
	why = why.Within(state.Size() - m.Len())
	if !why.Set {
		return
	}
	for i, extra := range m.Extra {
		if opt, ok := extra.(*dns.OPT); ok {
			if slices.ContainsFunc(opt.Option, isError) {
				return // another plugin has answered, and knows why
			}
			opt = dns.Copy(opt).(*dns.OPT)
			opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: uint16(why.Code), ExtraText: string(why.Text)})
			m.Extra[i] = opt
			return
		}
	}
}

func isError(o dns.EDNS0) bool { return o.Option() == dns.EDNS0EDE }
