package kubernetes

import (
	"math/rand/v2"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// randomTurn is where an answer begins that has no room for all endpoints.
func randomTurn() uint32 { return rand.Uint32N(1 << 30) }

// pair identifies an SRV record by target and port, or its glue by target and address.
type pair struct {
	target string
	other  any
}

// srv returns the SRV records of what was found, and the addresses of their targets
// (Kubernetes DNS specification, sections 2.3.2 and 2.4.2).
func (k *Kubernetes) srv(q *question, found *zone.Result) (records, extra []dns.RR) {
	service := serviceName(found.Service, q.origin())
	max, weight := room(q, found, sizeSRV+len(service)), found.Weight()
	seen := make(map[pair]struct{}, 2*min(max, found.EndpointCount()))
	fresh := func(p pair) bool {
		_, ok := seen[p]
		seen[p] = struct{}{}
		return !ok
	}
	for t := range found.Targets() {
		if t.Port == 0 {
			continue
		}
		target := targetName(t, service, found.What)
		if fresh(pair{target, t.Port}) {
			records = append(records, &dns.SRV{Hdr: k.header(q.qname, dns.TypeSRV), Weight: weight, Port: t.Port, Target: target})
		}
		if fresh(pair{target, t.Addr}) {
			extra = append(extra, k.addr(target, t.Addr))
		}
		if len(records) >= max && found.What == zone.ServicePods {
			break
		}
	}
	return records, extra
}

// serviceName is the full name of a Service.
func serviceName(s *zone.Service, origin string) string {
	return join(s.Name+"."+s.Namespace+".svc.", origin)
}

// targetName is the name an SRV record points to: the Service for its cluster IP, or the endpoint.
func targetName(t zone.Target, service string, what zone.What) string {
	if what == zone.ServiceIPs {
		return service
	}
	var buf [320]byte // longer than any name
	return string(appendEndpointName(buf[:0], t, service))
}

func appendEndpointName(dst []byte, t zone.Target, service string) []byte {
	if t.Host != "" {
		dst = append(dst, t.Host...)
	} else {
		dst = zone.AppendDashed(dst, t.Addr)
	}
	if t.Cluster != "" {
		dst = append(append(dst, '.'), t.Cluster...)
	}
	return append(append(dst, '.'), service...)
}
