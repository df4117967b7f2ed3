package kubernetes

import (
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// srv returns the SRV records of what was found, and the addresses of their targets
// (Kubernetes DNS specification, sections 2.3.2 and 2.4.2), and whether there are more.
func (k *Kubernetes) srv(q *question, found *zone.Result) (records, extra []dns.RR, truncated bool) {
	service := serviceName(found.Service, q.origin())
	total := found.TargetCount()
	n, m := room(q, found, total, sizeSRV+len(service)), room(q, found, total, sizeA)
	set, weight := newTargets(k, q.qname, n, m, len(service)), found.Weight()
	for t := range found.Targets() {
		if set.full() {
			break
		}
		if t.Port != 0 {
			set.add(t, set.name(t, service, found.What), weight)
		}
	}
	truncated = n < total && set.full() || m < total && len(set.extra) == m
	return set.records, set.extra, truncated
}

// serviceName is the full name of a Service.
func serviceName(s *zone.Service, origin string) string {
	return join(s.Name+"."+s.Namespace+".svc.", origin)
}

// endpointName is the full name of an endpoint.
func endpointName(t zone.Target, service string) string {
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
