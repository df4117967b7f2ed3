package differential

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/world"
)

// server is the name of a name server of the zone, with one of its addresses.
type server struct {
	name string
	addr netip.Addr
}

// wantNameServer names the served Services that have this machine among their endpoints,
// or else the machine's own addresses.
func wantNameServer(t *trial) ([]ask.Answer, error) {
	apex := len(t.below()) == 0 && t.q.Type == dns.TypeNS
	own := t.is("ns", "dns") && (t.q.Type == dns.TypeA || t.q.Type == dns.TypeAAAA)
	if !apex && !own {
		return nil, nil
	}
	servers := t.view.servers(under(t.zone()))
	if own {
		var addrs []netip.Addr
		for _, s := range servers {
			addrs = append(addrs, s.addr)
		}
		return one(t.addressesOr(addrs), nil)
	}
	return one(t.reply(dns.RcodeSuccess, func(m *dns.Msg) {
		for _, s := range servers {
			m.Answer = append(m.Answer, &dns.NS{Hdr: t.header(t.q.Name, dns.TypeNS), Ns: s.name})
			m.Extra = append(m.Extra, t.address(s.name, s.addr))
		}
	}).Unique(), nil)
}

// under is a zone in the form in which it ends the names below it.
func under(zone string) string {
	if zone == "." {
		return ""
	}
	return zone
}

func (v *view) servers(zone string) (all []server) {
	for k, slices := range v.slices {
		s := v.services[k]
		if s != nil && v.exposed[k.namespace] && s.Spec.Type != corev1.ServiceTypeExternalName {
			all = append(all, v.serversOf(s, slices, k.name+"."+k.namespace+".svc."+zone)...)
		}
	}
	if len(all) == 0 {
		for _, a := range v.w.Local {
			all = append(all, server{"ns.dns." + zone, a})
		}
	}
	if reverse(zone) || v.o.imported(strings.ToLower(zone)) { // where Services have no names
		for i := range all {
			all[i].name = "ns.dns." + zone
		}
	}
	return all
}

// serversOf are the servers that a Service stands for, if one of its slices has this machine.
func (v *view) serversOf(s *corev1.Service, all []*discoveryv1.EndpointSlice, name string) (list []server) {
	for _, slice := range all {
		one := []*discoveryv1.EndpointSlice{slice}
		if !v.local(one) {
			continue
		}
		if !world.Headless(s) {
			for _, ip := range world.ClusterIPs(s) {
				list = append(list, server{name, netip.MustParseAddr(ip)})
			}
			continue
		}
		each(one, func(_ *discoveryv1.EndpointSlice, e discoveryv1.Endpoint, address string) {
			list = append(list, server{v.label(e, address) + "." + name, netip.MustParseAddr(address)})
		})
	}
	return list
}

// local tells whether this machine is a ready endpoint.
func (v *view) local(all []*discoveryv1.EndpointSlice) (found bool) {
	each(all, func(_ *discoveryv1.EndpointSlice, _ discoveryv1.Endpoint, address string) {
		found = found || slices.Contains(v.w.Local, netip.MustParseAddr(address))
	})
	return found
}

// addressesOr answers with the addresses that the question asks for, or says that there are none.
func (t *trial) addressesOr(addrs []netip.Addr) ask.Answer {
	return t.reply(dns.RcodeSuccess, func(m *dns.Msg) {
		for _, a := range addrs {
			if rr := t.address(t.q.Name, a); rr.Header().Rrtype == t.q.Type {
				m.Answer = append(m.Answer, rr)
			}
		}
		if len(m.Answer) == 0 {
			m.Ns = []dns.RR{t.soa()}
		}
	}).Unique()
}

func (t *trial) address(name string, a netip.Addr) dns.RR {
	if a.Is4() {
		return &dns.A{Hdr: t.header(name, dns.TypeA), A: net.IP(a.AsSlice())}
	}
	return &dns.AAAA{Hdr: t.header(name, dns.TypeAAAA), AAAA: net.IP(a.AsSlice())}
}
