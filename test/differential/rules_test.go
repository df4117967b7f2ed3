package differential

import (
	"github.com/neardns/neardns/test/differential/ask"
)

// rule is a difference that is there on purpose.
type rule struct {
	name   string
	reason string

	// want gives the answers that the rule has ours be, or none where it does
	// not apply.
	want func(*trial) ([]ask.Answer, error)
}

// rules are all deliberate differences. A new one needs a reason and a test in
// deliberate_test.go.
func rules() []rule {
	return []rule{
		{"soa", "a name that does not exist is NXDOMAIN for SOA as for other types (RFC 2308, section 2.1)", wantSOA},
		{"empty", "names with names below them exist, so they are NODATA (RFC 8020)", wantEmpty},
		{"txt", "a name that exists is NODATA for TXT as for other types (RFC 2308, section 2.2)", wantTXT},
		{"types", "a name that has a PTR or address exists for all types (RFC 2308, section 2.2)", wantTypes},
		{"case", "the case of letters changes no answer (RFC 4343)", wantCase},
		{"grammar", "svc, pod and dns-version mean nothing in a reverse zone", wantGrammar},
		{"ptr", "a PTR names only what resolves to the address", wantPTR},
		{"version", "dns-version has a TXT record, so it exists for all types (RFC 2308, section 2.2)", wantVersion},
		{"root", "ns.dns exists in the root zone as in others", wantRoot},
		{"imports", "namespace_labels selects namespaces; stock applies it to the ServiceImports' own labels", wantImports},
		{"portless", "a ServiceImport has its addresses without ports, too, as a Service has", wantPortless},
		{"zone", "an endpoint is in its own zone, whatever zone another with its address is in", wantZone},
		{"terminating", "a Pod has its address until it is gone; stock serves one only if it saw it before", wantTerminating},
		{"pod-srv", "a Pod has no port, so its name has no SRV", wantPodSRV},
		{"label", "an underscore alone names no port and no protocol", wantLabel},
		{"spelling", "an address's names resolve in every spelling; SRV and PTR write the one of RFC 5952", wantSpelling},
		{"alias", "an ExternalName leads on for every type, and what becomes of its target is the rcode (RFC 1034, section 3.6.2, and RFC 6604)", wantAlias},
		{"nameserver", "a Service that is not served, or has no name in the zone, is not the name server; stock names it, or names none", wantNameServer},
		{"transfer", "a transfer has what questions get, and nothing else; stock's has ports -1 and Services in reverse zones, and lacks Pods and clusters", wantTransfer},
	}
}

// explain names the rule that our answer follows, if any.
func explain(t *trial) (string, error) {
	if *selfFlag || t.view.o.zone(t.q.Name) == "" {
		return "", nil
	}
	for _, r := range rules() {
		answers, err := r.want(t)
		if err != nil {
			return "", err
		}
		for _, want := range answers {
			if t.matches(want) {
				return r.name, nil
			}
		}
	}
	return "", nil
}
