package kubernetes

import (
	"context"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/reply"
)

// follow adds to the CNAME record of an ExternalName Service what its target has of the type
// asked for (RFC 1034, section 3.6.2). What becomes of the target is the answer's rcode (RFC
// 6604, section 3). If the target has no record, the SOA of its zone says how long that may be
// kept (RFC 2308, section 2). A chain of aliases that does not end within longestChain is a
// failure, with the records that were found so far.
func (k *Kubernetes) follow(ctx context.Context, state *request.Request, q *reply.Question, target string, a *answer) {
	next, err := chained(ctx, q)
	if err != nil {
		k.said.warn(err.key, err.line)
		*a = k.refused(q)
		return
	}
	cname := a.records
	*a = k.target(next, state, q, target)
	a.records = append(cname, a.records...)
	if a.rcode != dns.RcodeSuccess && a.rcode != dns.RcodeNameError && (depth(ctx) == 0 || a.rcode != dns.RcodeRefused) {
		a.rcode = dns.RcodeServerFailure
	}
}

// refused is the answer of an alias that is not followed.
func (k *Kubernetes) refused(q *reply.Question) answer {
	soa := k.responder.SOA(q)
	return answer{rcode: dns.RcodeRefused, authority: []dns.RR{newSOA(&soa)}}
}

// target answers for the target of an alias: from the store if it stands in the alias's own
// zone, else by asking the server.
func (k *Kubernetes) target(ctx context.Context, state *request.Request, q *reply.Question, target string) answer {
	at, ok := k.responder.Zones.Question(target, q.Type)
	if !ok || at.Zone != q.Zone {
		return k.elsewhere(ctx, state, target)
	}
	at.Size = q.Size
	a := k.answer(ctx, state, &at)
	switch {
	case a.passOn:
		return k.elsewhere(ctx, state, target)
	case len(a.records) == 0 && a.rcode == dns.RcodeRefused:
		a.authority = nil // there is nothing to be kept
	}
	return a
}

// elsewhere asks the server for the target of an alias.
func (k *Kubernetes) elsewhere(ctx context.Context, state *request.Request, target string) answer {
	a := answer{rcode: dns.RcodeRefused}
	if err := k.asked.begin(ctx, target); err != nil {
		k.said.warn(err.key, err.line)
		return a
	}
	defer k.asked.end(target)
	m, err := k.upstream.Lookup(ctx, *state, target, state.QType())
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
