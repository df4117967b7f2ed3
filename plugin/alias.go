package kubernetes

import (
	"context"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// alias answers at an ExternalName Service: its CNAME record, and what its target has of the
// type asked for (RFC 1034, section 3.6.2). What becomes of the target is the answer's rcode
// (RFC 6604, section 3), and where it has no record, the SOA of its zone tells how long
// that may be kept (RFC 2308, section 2). A chain of aliases that has no end within
// longestChain is a failure, with the records that were found so far.
func (k *Kubernetes) alias(ctx context.Context, q *question, found *zone.Result) answer {
	target := dns.Fqdn(found.Service.Target)
	a := answer{existence: zone.Records}
	cname := &dns.CNAME{Hdr: k.header(q.qname, dns.TypeCNAME), Target: target}
	if q.qtype == dns.TypeCNAME || q.qtype == dns.TypeANY { // RFC 1034, section 3.6.2
		a.records = []dns.RR{cname}
		return a
	}
	next, err := follow(ctx, q)
	if err != nil {
		k.said.warn(err.key, err.line)
		a.rcode = dns.RcodeRefused
		return a
	}
	a = k.target(next, q, target)
	a.records = append([]dns.RR{cname}, a.records...)
	if a.rcode != dns.RcodeSuccess && a.rcode != dns.RcodeNameError && (depth(ctx) == 0 || a.rcode != dns.RcodeRefused) {
		a.rcode = dns.RcodeServerFailure
	}
	return a
}

// target answers for the target of an alias: from the store if it stands in the alias's own
// zone, else by asking the server.
func (k *Kubernetes) target(ctx context.Context, q *question, target string) answer {
	at, ok := k.at(q, target)
	if !ok {
		return k.elsewhere(ctx, q, target)
	}
	a := k.answer(ctx, &at)
	switch {
	case a.existence == zone.NoName && k.fall.Through(at.name):
		return k.elsewhere(ctx, q, target)
	case a.existence == zone.NoName:
		a.rcode = dns.RcodeNameError
	case a.existence == zone.NotSynced:
		a.rcode = dns.RcodeServerFailure
	}
	a.existence = zone.Records
	if len(a.records) == 0 && a.rcode != dns.RcodeRefused {
		a.authority = []dns.RR{k.soa(&at)}
	}
	return a
}

// elsewhere asks the server for the target of an alias.
func (k *Kubernetes) elsewhere(ctx context.Context, q *question, target string) answer {
	a := answer{existence: zone.Records, rcode: dns.RcodeRefused}
	if err := k.asked.begin(ctx, target); err != nil {
		k.said.warn(err.key, err.line)
		return a
	}
	defer k.asked.end(target)
	m, err := k.upstream.Lookup(ctx, q.state, target, q.qtype)
	if err != nil || m == nil {
		a.rcode = dns.RcodeServerFailure
		return a
	}
	a.rcode, a.records, a.truncated = m.Rcode, m.Answer, m.Truncated
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			a.authority = append(a.authority, rr)
		}
	}
	return a
}
