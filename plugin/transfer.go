package kubernetes

import (
	"cmp"
	"slices"

	"github.com/coredns/coredns/plugin/transfer"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// Transfer implements transfer.Transferer. A forward zone is sent with the records of its
// Services and their endpoints, a reverse zone with its PTR records. IXFR is answered with
// the SOA alone where the serial has not moved, else as AXFR (RFC 1995, section 4).
func (k *Kubernetes) Transfer(name string, serial uint32) (<-chan []dns.RR, error) {
	q, ok := k.transferQuestion(name)
	if !ok || !k.store.Synced() {
		return nil, transfer.ErrNotAuthoritative
	}
	soa := k.soa(&q)
	out := make(chan []dns.RR)
	go func() {
		defer close(out)
		defer func() {
			if v := recover(); v != nil { // nobody else would
				log.Errorf("Transfer of %s panicked: %v", name, v)
			}
		}()
		out <- []dns.RR{soa}
		if serial != 0 && serial == soa.Serial {
			return
		}
		k.sendZone(&q, out)
		out <- []dns.RR{soa}
	}()
	return out, nil
}

// transferQuestion is the question for the apex of one of our zones.
func (k *Kubernetes) transferQuestion(name string) (question, bool) {
	req := new(dns.Msg)
	req.SetAxfr(name)
	q, ok := k.question(request.Request{Req: req})
	return q, ok && q.rest == ""
}

func (k *Kubernetes) sendZone(q *question, out chan<- []dns.RR) {
	ns, glue := k.ns(q)
	out <- append(ns, glue...)
	if q.zone.reverse {
		k.sendPointers(q, out)
		return
	}
	for _, found := range k.sortedServices(q.zone.set) {
		if rrs := k.serviceRecords(q.zone.name, &found); len(rrs) > 0 {
			out <- rrs
		}
	}
}

func (k *Kubernetes) sortedServices(set zone.Set) []zone.Result {
	return slices.SortedFunc(k.store.Services(set), func(a, b zone.Result) int {
		return cmp.Or(cmp.Compare(a.Service.Name, b.Service.Name),
			cmp.Compare(a.Service.Namespace, b.Service.Namespace))
	})
}

func (k *Kubernetes) sendPointers(q *question, out chan<- []dns.RR) {
	for addr, pointers := range k.store.Pointers() {
		name, err := dns.ReverseAddr(addr.String())
		if err != nil || !inZone(name, q.zone.name) {
			continue
		}
		rrs := make([]dns.RR, len(pointers))
		for i, p := range pointers {
			rrs[i] = k.ptr(name, p)
		}
		out <- rrs
	}
}

// serviceRecords returns all records of one Service.
func (k *Kubernetes) serviceRecords(origin string, found *zone.Result) []dns.RR {
	name := serviceName(found.Service, origin)
	switch found.Service.Kind {
	case zone.ExternalName:
		return []dns.RR{&dns.CNAME{Hdr: k.header(name, dns.TypeCNAME), Target: dns.Fqdn(found.Service.Target)}}
	case zone.Headless:
		return k.endpointRecords(name, found)
	}
	return k.clusterIPRecords(name, found.Service)
}

func (k *Kubernetes) clusterIPRecords(name string, s *zone.Service) (rrs []dns.RR) {
	for _, addr := range s.Addrs {
		rrs = append(rrs, k.addr(name, addr))
	}
	for _, p := range s.Ports {
		if p.Number == 0 || len(s.Addrs) == 0 {
			continue
		}
		rrs = append(rrs, k.transferSRV(name, name, p, zone.ShareOf(1)))
		if p.Name != "" {
			rrs = append(rrs, k.transferSRV(portName(p, name), name, p, zone.ShareOf(1)))
		}
	}
	return rrs
}

func (k *Kubernetes) endpointRecords(name string, found *zone.Result) (rrs []dns.RR) {
	for slice, e := range found.Endpoints() {
		t := zone.Target{Host: e.Host, Cluster: slice.Cluster, Addr: e.Addr}
		target := endpointName(t, name)
		rrs = append(rrs, k.addr(name, e.Addr), k.addr(target, e.Addr))
		for _, p := range slice.Ports {
			if p.Name != "" && p.Number != 0 {
				rrs = append(rrs, k.transferSRV(portName(p, name), target, p, zone.ShareOf(len(slice.Endpoints))))
			}
		}
	}
	return dns.Dedup(rrs, nil)
}

// portName is the name of a named port's SRV records.
func portName(p zone.Port, service string) string {
	return "_" + p.Name + "._" + p.Protocol + "." + service
}

func (k *Kubernetes) transferSRV(name, target string, p zone.Port, weight uint16) *dns.SRV {
	return &dns.SRV{Hdr: k.header(name, dns.TypeSRV), Weight: weight, Port: p.Number, Target: target}
}
