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
	records := k.ptrs(q.qname, found)
	switch {
	case existence == zone.Records && len(records) == 0:
		a.existence = zone.NoName
	case q.qtype == dns.TypePTR:
		a.records = records
	}
	return a
}

// ptrs returns the PTR records at a reverse name. A name that would be too long has none.
func (k *Kubernetes) ptrs(name string, pointers []zone.Pointer) (rrs []dns.RR) {
	for _, p := range pointers {
		if rr := k.ptr(name, p); legal(rr.Ptr) {
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

func (k *Kubernetes) ptr(name string, p zone.Pointer) *dns.PTR {
	target := serviceName(&zone.Service{Key: p.Key}, k.primary)
	if !p.Whole {
		target = endpointName(zone.Target{Host: p.Host, Addr: p.Addr}, target)
	}
	return &dns.PTR{Hdr: k.header(name, dns.TypePTR), Ptr: target}
}
