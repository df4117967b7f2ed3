package differential

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/world"
)

// wantZone is about an address that a slice lists twice, in two zones. Stock takes both for
// in the last one, so the rule says itself what is in the zone that is asked for.
func wantZone(t *trial) ([]ask.Answer, error) {
	below := t.below()
	n := len(below)
	if !t.view.o.zonal || n < 6 || below[n-4] != "_zone" || below[n-1] != "svc" || !t.view.exposed[below[n-2]] {
		return nil, nil
	}
	k := key{below[n-2], below[n-3]}
	s, way := t.view.services[k], below[n-5]
	if s == nil || !world.Headless(s) || !t.view.repeats(k) || way != "pin" && way != "prefer" {
		return nil, nil
	}
	targets := t.view.inZone(k, strings.Join(below[:n-5], "."))
	if len(targets) == 0 && way == "prefer" {
		targets = t.view.inZone(k, "")
	}
	return one(t.targets(targets, strings.Join(below[n-3:], ".")+"."+t.zone()), nil)
}

// target is an endpoint at one of its ports.
type target struct {
	label string
	addr  netip.Addr
	port  int32 // none is -1
}

// inZone are the endpoints of a Service in a topology zone; all are in "".
func (v *view) inZone(k key, zone string) (targets []target) {
	each(v.slices[k], func(s *discoveryv1.EndpointSlice, e discoveryv1.Endpoint, address string) {
		if zone != "" && (e.Zone == nil || strings.ToLower(*e.Zone) != zone) {
			return
		}
		ports := s.Ports
		if len(ports) == 0 {
			ports = []discoveryv1.EndpointPort{{}}
		}
		for _, p := range ports {
			number := int32(-1)
			if p.Port != nil {
				number = *p.Port
			}
			targets = append(targets, target{v.label(e, address), netip.MustParseAddr(address), number})
		}
	})
	return targets
}

// targets answers with endpoints of a Service of that name. Each has its share of the weight,
// counted before what is double is left out, as stock counts.
func (t *trial) targets(targets []target, service string) ask.Answer {
	if t.q.Type != dns.TypeSRV {
		var addrs []netip.Addr
		for _, each := range targets {
			addrs = append(addrs, each.addr)
		}
		return t.addressesOr(addrs)
	}
	a := t.reply(dns.RcodeSuccess, func(m *dns.Msg) {
		for _, each := range targets {
			if each.port == -1 {
				continue
			}
			name := each.label + "." + service
			m.Answer = append(m.Answer, &dns.SRV{Hdr: t.header(t.q.Name, dns.TypeSRV),
				Weight: uint16(max(1, 100/len(targets))), Port: uint16(each.port), Target: name})
			m.Extra = append(m.Extra, t.address(name, each.addr))
		}
	})
	if len(a.Sections[ask.Records]) == 0 {
		return t.nodata()
	}
	return a.Unique()
}

// repeats tells whether a slice of a Service lists an address in two zones.
func (v *view) repeats(k key) (found bool) {
	zones := map[string]string{}
	each(v.slices[k], func(s *discoveryv1.EndpointSlice, e discoveryv1.Endpoint, address string) {
		zone := ""
		if e.Zone != nil {
			zone = *e.Zone
		}
		before, known := zones[s.Name+" "+address]
		found = found || known && before != zone
		zones[s.Name+" "+address] = zone
	})
	return found
}
