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
	set := k.targets(q.qname, service, found, n, m)
	truncated = n < total && set.full() || m < total && len(set.extra) == m
	return set.records, set.extra, truncated
}

// targets returns the SRV records at owner, n of them at most, and up to m addresses of what
// they point to. An endpoint whose name would be too long has none.
func (k *Kubernetes) targets(owner, service string, found *zone.Result, n, m int) *targets {
	set, weight := newTargets(k, owner, n, m, len(service)), found.Weight()
	for t := range found.Targets() {
		if set.full() {
			break
		}
		if t.Port == 0 {
			continue
		}
		if name := set.name(t, service, found.What); legal(name) {
			set.add(t, name, weight)
		}
	}
	return set
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

// legal reports whether a name, which ends in a dot and whose labels are right, is not too long
// for a message.
func legal(name string) bool { return len(name) < maxName || octets(name) <= maxName }

// maxName is the greatest length of a name, in octets of a message (RFC 1035, section 2.3.4).
const maxName = 255

// octets returns how many octets a name, which ends in a dot, has in a message: one for each of
// its characters, of which an escaped one is written with a backslash before it, as itself or
// as three digits (RFC 1035, section 5.1), and one for the root.
func octets(name string) int {
	if name == "." {
		return 1
	}
	n := 1
	for i := 0; i < len(name); i++ {
		if n++; name[i] == '\\' {
			if i++; i+2 < len(name) && isDigit(name[i]) {
				i += 2
			}
		}
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
