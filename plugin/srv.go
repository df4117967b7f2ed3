package kubernetes

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// srv returns the SRV records of what was found, and the addresses of their targets
// (Kubernetes DNS specification, sections 2.3.2 and 2.4.2).
func (k *Kubernetes) srv(q *question, found *zone.Result) (records, extra []dns.RR) {
	service := serviceName(found.Service, q.origin())
	n := room(q, found, sizeSRV+len(service))
	if found.What == zone.ServiceIPs {
		n = 2 * len(found.Service.Ports)
	}
	set := newTargets(k, q.qname, n, len(service))
	weight := found.Weight()
	for t := range found.Targets() {
		if t.Port != 0 {
			set.add(t, set.name(t, service, found.What), weight)
		}
		if found.What == zone.ServicePods && len(set.records) >= n {
			break
		}
	}
	return set.records, set.extra
}

// targets collects SRV records and their targets' addresses, each once. What it makes lies
// in few blocks of memory.
type targets struct {
	k       *Kubernetes
	owner   string
	records []dns.RR
	extra   []dns.RR
	seen    map[target]struct{}
	text    strings.Builder // all targets' names, one after another
	srvs    []dns.SRV
	as      []dns.A
	ips     []byte
}

// target identifies an SRV record by name and port, or a target's address by name and address.
type target struct {
	name string
	port uint16
	addr netip.Addr
}

// newTargets returns targets with room for n, whose names are length bytes and some long.
func newTargets(k *Kubernetes, owner string, n, length int) *targets {
	const label = 24 // of a dashed IPv4 address, or a Pod of a StatefulSet
	s := &targets{
		k: k, owner: owner,
		records: make([]dns.RR, 0, n), extra: make([]dns.RR, 0, n),
		seen: make(map[target]struct{}, 2*n),
		srvs: make([]dns.SRV, 0, n), as: make([]dns.A, 0, n), ips: make([]byte, 0, 4*n),
	}
	s.text.Grow(n * (label + length))
	return s
}

// name writes a target's name, and returns it.
func (s *targets) name(t zone.Target, service string, what zone.What) string {
	if what == zone.ServiceIPs {
		return service
	}
	var buf [320]byte // longer than any name
	start := s.text.Len()
	s.text.Write(appendEndpointName(buf[:0], t, service))
	return s.text.String()[start:]
}

func (s *targets) add(t zone.Target, name string, weight uint16) {
	if s.fresh(target{name: name, port: t.Port}) {
		s.srvs = append(s.srvs, dns.SRV{Hdr: s.k.header(s.owner, dns.TypeSRV), Weight: weight, Port: t.Port, Target: name})
		s.records = append(s.records, &s.srvs[len(s.srvs)-1])
	}
	if s.fresh(target{name: name, addr: t.Addr}) {
		s.extra = append(s.extra, s.addr(name, t.Addr))
	}
}

func (s *targets) fresh(t target) bool {
	n := len(s.seen)
	s.seen[t] = struct{}{}
	return len(s.seen) > n
}

func (s *targets) addr(name string, addr netip.Addr) dns.RR {
	if !addr.Is4() {
		return s.k.addr(name, addr)
	}
	a4, n := addr.As4(), len(s.ips)
	s.ips = append(s.ips, a4[:]...)
	s.as = append(s.as, dns.A{Hdr: s.k.header(name, dns.TypeA), A: s.ips[n : n+4 : n+4]})
	return &s.as[len(s.as)-1]
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
