package kubernetes

import (
	"context"
	"slices"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// longestChain is how many CNAME records of the zone's own an answer may hold before the last.
const longestChain = 10

// alias answers at an ExternalName Service: its CNAME record, and for A and AAAA what
// the target resolves to. A target in the zone itself is found in the store, any other by
// asking the server. Without an address the answer is empty, as from the stock plugin.
// chain holds the targets that led here.
func (k *Kubernetes) alias(ctx context.Context, q *question, found *zone.Result, chain []string) (records []dns.RR, truncated bool) {
	target := dns.Fqdn(found.Service.Target)
	cname := []dns.RR{&dns.CNAME{Hdr: k.header(q.qname, dns.TypeCNAME), Target: target}}
	switch {
	case q.qtype == dns.TypeCNAME:
		return cname, false
	case q.qtype != dns.TypeA && q.qtype != dns.TypeAAAA:
		return nil, false
	case dns.IsSubDomain(q.name, target) || len(chain) > longestChain || slices.Contains(chain, target):
		return nil, false // a loop, or one in the making
	case dns.IsSubDomain(q.zone.name, target):
		next := q.at(target)
		records, truncated = k.follow(ctx, &next, append(chain, target))
		if len(records) == 0 {
			return nil, truncated
		}
		return append(cname, records...), truncated
	}
	m, err := k.upstream.Lookup(ctx, q.state, target, q.qtype)
	if err != nil || m == nil {
		return nil, false
	}
	return append(cname, m.Answer...), m.Truncated
}

// follow answers for the target of an alias.
func (k *Kubernetes) follow(ctx context.Context, q *question, chain []string) ([]dns.RR, bool) {
	found := k.store.Lookup(q.zone.set, q.rest)
	switch found.What {
	case zone.Alias:
		return k.alias(ctx, q, &found, chain)
	case zone.NameServer:
		return k.nameServerAddrs(q), false
	case zone.ServiceIPs, zone.ServicePods, zone.PodIP:
		return k.addrs(q, &found)
	}
	return nil, false
}
