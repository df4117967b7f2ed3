package kubernetes

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/coredns/coredns/plugin/transfer"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// Transfer implements transfer.Transferer. A zone is sent as it is served: at each name what
// questions for it are answered with, at one spelling of the name. Left out is what has no end,
// the names of `pods insecure` and of topology zones that no endpoint is in. IXFR is answered
// with the SOA alone where the serial has not moved, else as AXFR (RFC 1995, section 4).
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

// sendZone sends what questions for the zone's names are answered with, each record once.
func (k *Kubernetes) sendZone(q *question, out chan<- []dns.RR) {
	send := func(rrs []dns.RR) {
		if len(rrs) > 0 && k.match(strings.ToLower(rrs[0].Header().Name)) == q.zone {
			out <- rrs
		}
	}
	ns, _ := k.ns(q)
	send(ns)
	server := join("ns.dns.", q.origin())
	for _, qtype := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
		send(k.nameServerAddrs(&question{zone: q.zone, qtype: qtype, qname: server}))
	}
	k.sendPointers(send)
	if q.zone.reverse {
		return
	}
	send(k.version(&question{zone: q.zone, qtype: dns.TypeTXT, qname: join("dns-version.", q.zone.name)}))
	k.sendServices(q.zone, send)
	for name, addr := range k.store.PodNames() {
		send([]dns.RR{k.addr(join(name+"pod.", q.zone.name), addr)})
	}
}

func (k *Kubernetes) sendPointers(send func([]dns.RR)) {
	for addr, pointers := range k.store.Pointers() {
		if name, err := dns.ReverseAddr(addr.String()); err == nil {
			send(k.ptrs(name, pointers))
		}
	}
}

// sendServices sends the records of all Services in order of their names.
func (k *Kubernetes) sendServices(z *served, send func([]dns.RR)) {
	services := slices.SortedFunc(k.store.Services(z.set), func(a, b zone.Result) int {
		return cmp.Or(cmp.Compare(a.Service.Name, b.Service.Name), cmp.Compare(a.Service.Namespace, b.Service.Namespace))
	})
	for _, service := range services {
		own := serviceName(service.Service, z.name)
		for name, found := range k.store.Names(z.set, service) {
			if name += own; legal(name) {
				send(k.recordsAt(name, own, &found))
			}
		}
	}
}

// recordsAt returns the records of all types at a name of the Service service.
func (k *Kubernetes) recordsAt(name, service string, found *zone.Result) []dns.RR {
	if found.What == zone.Alias {
		return []dns.RR{&dns.CNAME{Hdr: k.header(name, dns.TypeCNAME), Target: dns.Fqdn(found.Service.Target)}}
	}
	rrs := k.recordsA(name, found.AppendAddrs(nil, true, math.MaxInt))
	rrs = append(rrs, k.recordsAAAA(name, found.AppendAddrs(nil, false, math.MaxInt))...)
	n := found.TargetCount()
	return append(rrs, k.targets(name, service, found, n, 0).records...)
}
