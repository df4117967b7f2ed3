package differential

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"

	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/world"
)

// longestChain is how many aliases ours follows.
const longestChain = 8

// alias is the target of the ExternalName Service at name, or nothing.
func (v *view) alias(name string) string {
	if v.o.zone(name) == "" || v.o.imported(strings.ToLower(v.o.zone(name))) || reverse(v.o.zone(name)) {
		return ""
	}
	below := v.base(name)
	if len(below) != 3 || below[2] != "svc" || !v.exposed[below[1]] {
		return ""
	}
	s := v.services[key{below[1], below[0]}]
	if s == nil || s.Spec.Type != corev1.ServiceTypeExternalName {
		return ""
	}
	if _, err := netip.ParseAddr(s.Spec.ExternalName); err == nil {
		return ""
	}
	return dns.Fqdn(s.Spec.ExternalName)
}

// wantAlias is the alias's record, followed by what ours answers for the target itself. Other
// trials compare that with stock.
func wantAlias(t *trial) ([]ask.Answer, error) {
	target := t.view.alias(t.q.Name)
	if target == "" || isTransfer(t.q.Type) {
		return nil, nil
	}
	if t.q.Type != dns.TypeANY && t.view.endless(t.q.Name) {
		return one(t.circle())
	}
	q := t.q
	q.Name, q.TCP = target, true
	found, err := t.ours.Ask(q)
	if err != nil {
		return nil, err
	}
	if t.q.Type == dns.TypeANY {
		found = ask.Answer{}
	}
	if found.Rcode != dns.RcodeSuccess && found.Rcode != dns.RcodeNameError {
		found.Rcode = dns.RcodeServerFailure
	}
	return one(t.reply(found.Rcode, func(m *dns.Msg) {
		m.Answer = append(parsed(found.Sections[ask.Records]), &dns.CNAME{Hdr: t.header(t.q.Name, dns.TypeCNAME), Target: target})
		for _, rr := range parsed(found.Sections[ask.Authority]) {
			if rr.Header().Rrtype == dns.TypeSOA {
				m.Ns = append(m.Ns, rr)
			}
		}
		if t.view.o.zone(target) == t.view.o.zone(t.q.Name) {
			m.Extra = parsed(found.Sections[ask.Additional])
		}
	}).Unique(), nil)
}

// endless tells whether aliases of the cluster lead from name in a circle, or through more aliases
// than ours follows. The outside zone's name that leads back counts as an alias.
func (v *view) endless(name string) bool {
	for range longestChain + 1 {
		if strings.EqualFold(name, "back."+world.Outside) {
			name = world.Name(v.w.Services[0].Name, v.w.Services[0].Namespace) + "."
			continue
		}
		if name = v.alias(name); name == "" {
			return false
		}
	}
	return true
}

// circle accepts a failure, or what the file plugin makes of one, with records that are in the
// cluster or lead there.
func (t *trial) circle() (ask.Answer, error) {
	outside := t.own.Rcode == dns.RcodeSuccess
	for _, rr := range parsed(t.own.Sections[ask.Records]) {
		cname, ok := rr.(*dns.CNAME)
		if !ok {
			return ask.Answer{}, nil
		}
		outside = outside && !strings.EqualFold(cname.Hdr.Name, "back."+world.Outside)
	}
	if outside || len(t.own.Sections[ask.Records]) == 0 || t.own.Rcode != dns.RcodeSuccess && t.own.Rcode != dns.RcodeServerFailure {
		return ask.Answer{}, nil
	}
	return t.own, nil
}

// parsed are the records in the texts.
func parsed(texts []string) (rrs []dns.RR) {
	for _, text := range texts {
		if rr, err := dns.NewRR(text); err == nil && rr != nil {
			rrs = append(rrs, rr)
		}
	}
	return rrs
}
