package differential

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/neardns/neardns/test/differential/ask"
)

// wantNameServer falls back to this machine's addresses where only slices of
// namespaces that are not served have them.
func wantNameServer(t *trial) ([]ask.Answer, error) {
	apex := len(t.below()) == 0 && t.q.Type == dns.TypeNS
	own := t.is("ns", "dns") && (t.q.Type == dns.TypeA || t.q.Type == dns.TypeAAAA)
	if len(t.view.o.namespaces) == 0 || !apex && !own || t.view.amongServed() {
		return nil, nil
	}
	return one(t.reply(dns.RcodeSuccess, func(m *dns.Msg) {
		if own {
			m.Answer = t.selves(t.q.Name, t.q.Type)
			return
		}
		name := "ns.dns." + t.zone()
		m.Answer = []dns.RR{&dns.NS{Hdr: t.header(t.q.Name, dns.TypeNS), Ns: name}}
		m.Extra = append(t.selves(name, dns.TypeA), t.selves(name, dns.TypeAAAA)...)
	}), nil)
}

// amongServed tells whether this machine is an endpoint in a served namespace.
func (v *view) amongServed() bool {
	found := false
	for k, all := range v.slices {
		if !slices.Contains(v.o.namespaces, k.namespace) {
			continue
		}
		each(all, func(_ *discoveryv1.EndpointSlice, _ discoveryv1.Endpoint, address string) {
			found = found || slices.Contains(v.w.Local, netip.MustParseAddr(address))
		})
	}
	return found
}

// selves are this machine's addresses as records.
func (t *trial) selves(name string, kind uint16) []dns.RR {
	var records []dns.RR
	for _, a := range t.view.w.Local {
		header := t.header(name, kind)
		switch {
		case a.Is4() && kind == dns.TypeA:
			records = append(records, &dns.A{Hdr: header, A: net.IP(a.AsSlice())})
		case a.Is6() && kind == dns.TypeAAAA:
			records = append(records, &dns.AAAA{Hdr: header, AAAA: net.IP(a.AsSlice())})
		}
	}
	return records
}
