package kubernetes

import (
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// pointers answers at a reverse name.
func (k *Kubernetes) pointers(q *question) answer {
	var buf [4]zone.Pointer
	found, existence := k.store.Reverse(buf[:0], q.name)
	a := answer{existence: existence}
	if q.qtype == dns.TypePTR {
		for _, p := range found {
			a.records = append(a.records, k.ptr(q.qname, p))
		}
	}
	return a
}

func (k *Kubernetes) ptr(name string, p zone.Pointer) *dns.PTR {
	target := serviceName(&zone.Service{Key: p.Key}, k.primary)
	if !p.Whole {
		target = endpointName(zone.Target{Host: p.Host, Addr: p.Addr}, target)
	}
	return &dns.PTR{Hdr: k.header(name, dns.TypePTR), Ptr: target}
}
