package differential

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/neardns/neardns/test/differential/ask"
)

// one is the answers that a rule allows if there is only one.
func one(a ask.Answer, err error) ([]ask.Answer, error) { return []ask.Answer{a}, err }

// transfers are no questions about a name, so most rules are not about them.
func isTransfer(kind uint16) bool { return kind == dns.TypeAXFR || kind == dns.TypeIXFR }

// below are the labels of the trial's name below its zone, in lower case.
func (t *trial) below() []string { return t.view.base(t.q.Name) }

func (t *trial) is(labels ...string) bool { return slices.Equal(t.below(), labels) }

// hasPTR tells whether the trial asks for an address that has a PTR record.
func (t *trial) hasPTR() bool {
	p := t.view.pointers[strings.ToLower(t.q.Name)]
	return reverse(t.q.Name) && len(p.services)+len(p.endpoints) > 0
}

func wantSOA(t *trial) ([]ask.Answer, error) {
	if t.q.Type != dns.TypeSOA || !t.theirs.Equal(t.nodata()) || t.view.empty(t.q.Name) || t.hasPTR() {
		return nil, nil
	}
	other, err := t.as(65280)
	if err != nil || other.Equal(t.nodata()) {
		return nil, err
	}
	return one(other, nil)
}

// wantEmpty is about reverse names with more than 64 addresses below them, none of which has a PTR
// record. Ours looks at 64 and then gives the safe answer: that there are names below.
func wantEmpty(t *trial) ([]ask.Answer, error) {
	const looks = 64
	if isTransfer(t.q.Type) || !t.view.empty(t.q.Name) && t.view.held[strings.ToLower(t.q.Name)] < looks {
		return nil, nil
	}
	return one(t.nodata(), nil)
}

func wantTXT(t *trial) ([]ask.Answer, error) {
	if t.q.Type != dns.TypeTXT {
		return nil, nil
	}
	lower := *t
	lower.q.Name = strings.ToLower(t.q.Name)
	other, err := lower.as(65280)
	if err != nil || !other.Equal(lower.nodata()) {
		return nil, err
	}
	return one(t.nodata(), nil)
}

func wantTypes(t *trial) ([]ask.Answer, error) {
	address := t.hasPTR() && t.q.Type != dns.TypePTR && !isTransfer(t.q.Type)
	server := t.is("ns", "dns") && t.q.Type == dns.TypePTR
	if !address && !server {
		return nil, nil
	}
	return one(t.nodata(), nil)
}

// wantCase is about two names that stock finds only if the zone is written in lower case.
func wantCase(t *trial) ([]ask.Answer, error) {
	lower := strings.ToLower(t.q.Name)
	apex := len(t.below()) == 0 && t.q.Type == dns.TypeNS
	if t.q.Name == lower || isTransfer(t.q.Type) || !apex && !t.is("ns", "dns") {
		return nil, nil
	}
	q := t.q
	q.Name = lower
	a, err := t.askElse(q)
	for i, section := range a.Sections {
		for j, text := range section {
			a.Sections[i][j] = t.respell(text)
		}
		slices.Sort(a.Sections[i])
	}
	return one(a, err)
}

// respell writes the zone in a record as the question writes it.
func (t *trial) respell(text string) string {
	zone := t.zone()
	if zone == "." {
		return text
	}
	return strings.ReplaceAll(text, strings.ToLower(zone), zone)
}

func wantGrammar(t *trial) ([]ask.Answer, error) {
	version := t.is("dns-version") && t.q.Type == dns.TypeTXT
	if !reverse(t.zone()) || isTransfer(t.q.Type) || !t.is("svc") && !t.is("pod") && !version {
		return nil, nil
	}
	return one(t.absent())
}

func wantPTR(t *trial) ([]ask.Answer, error) {
	if t.q.Type != dns.TypePTR || !reverse(t.q.Name) {
		return nil, nil
	}
	p := t.view.pointers[strings.ToLower(t.q.Name)]
	var answers []ask.Answer
	for _, name := range p.services {
		answers = append(answers, t.point(name))
	}
	switch {
	case len(p.services) > 0:
		return answers, nil
	case len(p.endpoints) > 0:
		return one(t.point(p.endpoints...), nil)
	case !t.theirs.Silent && len(t.theirs.Sections[ask.Records]) == 0:
		return nil, nil
	}
	return one(t.absent())
}

// point answers with a PTR to each name.
func (t *trial) point(names ...string) ask.Answer {
	return t.reply(dns.RcodeSuccess, func(m *dns.Msg) {
		for _, name := range names {
			m.Answer = append(m.Answer, &dns.PTR{Hdr: t.header(t.q.Name, dns.TypePTR), Ptr: name})
		}
	}).Unique()
}

// portZero is an SRV record with port 0. Its weight is a share of 100: two Pods may have one
// address.
var portZero = regexp.MustCompile(`\tSRV\t0 \d+ 0 `)

func wantPodSRV(t *trial) ([]ask.Answer, error) {
	below := t.below()
	if t.q.Type != dns.TypeSRV || len(below) < 3 || below[len(below)-1] != "pod" || len(t.theirs.Sections[ask.Records]) == 0 {
		return nil, nil
	}
	for _, text := range t.theirs.Sections[ask.Records] {
		if !portZero.MatchString(text) {
			return nil, nil
		}
	}
	return one(t.nodata(), nil)
}

func wantVersion(t *trial) ([]ask.Answer, error) {
	if !t.is("dns-version") || t.q.Type == dns.TypeTXT || isTransfer(t.q.Type) || reverse(t.zone()) {
		return nil, nil
	}
	return one(t.nodata(), nil)
}

// wantRoot answers at ns.dns. with the addresses that stock gives with the NS records of the root.
func wantRoot(t *trial) ([]ask.Answer, error) {
	if t.zone() != "." || !t.is("ns", "dns") || isTransfer(t.q.Type) {
		return nil, nil
	}
	if t.q.Type != dns.TypeA && t.q.Type != dns.TypeAAAA {
		return one(t.nodata(), nil)
	}
	servers, err := t.stock.Ask(ask.Question{Name: ".", Type: dns.TypeNS, TCP: true})
	if err != nil {
		return nil, err
	}
	return one(t.reply(dns.RcodeSuccess, func(m *dns.Msg) {
		for _, text := range servers.Sections[ask.Additional] {
			if rr, err := dns.NewRR(text); err == nil && rr.Header().Rrtype == t.q.Type {
				rr.Header().Name = t.q.Name
				m.Answer = append(m.Answer, rr)
			}
		}
		if len(m.Answer) == 0 {
			m.Ns = []dns.RR{t.soa()}
		}
	}).Unique(), nil)
}

// wantImports is about ServiceImports that stock does not see. The other multicluster option sets
// compare what ours answers there with stock.
func wantImports(t *trial) ([]ask.Answer, error) {
	below := t.below()
	if t.view.o.namespaceLabels == "" || !t.view.o.imported(strings.ToLower(t.zone())) || len(below) < 3 {
		return nil, nil
	}
	k := key{below[len(below)-2], below[len(below)-3]}
	i := t.view.imports[k]
	if i == nil || !t.view.exposed[k.namespace] || selector(t.view.o.namespaceLabels).Matches(labels.Set(i.Labels)) {
		return nil, nil
	}
	return one(t.own, nil)
}

// wantPortless is about ServiceImports without ports. Stock does not find them.
func wantPortless(t *trial) ([]ask.Answer, error) {
	below := t.below()
	if !t.view.o.imported(strings.ToLower(t.zone())) || len(below) != 3 || below[2] != "svc" || !t.view.exposed[below[1]] {
		return nil, nil
	}
	i := t.view.imports[key{below[1], below[0]}]
	if i == nil || len(i.Spec.Ports) > 0 || i.Spec.Type == "Headless" || t.view.o.ignoreEmpty && !ready(t.view.foreign[key{below[1], below[0]}]) {
		return nil, nil
	}
	var addrs []netip.Addr
	for _, ip := range i.Spec.IPs {
		addrs = append(addrs, netip.MustParseAddr(ip))
	}
	return one(t.addressesOr(addrs), nil)
}

// wantTerminating is about Pods that are terminating when the servers start.
func wantTerminating(t *trial) ([]ask.Answer, error) {
	below := t.below()
	n := len(below)
	if n < 3 || n > 5 || below[n-1] != "pod" || t.view.o.pods != "verified" || !t.view.exposed[below[n-2]] {
		return nil, nil
	}
	for _, p := range t.view.w.Pods {
		live := p.Status.Phase == corev1.PodRunning || p.Status.Phase == corev1.PodPending
		if p.DeletionTimestamp == nil || p.Namespace != below[n-2] || !live || !t.view.sees(&p.ObjectMeta) {
			continue
		}
		for _, ip := range p.Status.PodIPs {
			if strings.NewReplacer(".", "-", ":", "-").Replace(ip.IP) == below[n-3] {
				return one(t.addressesOr([]netip.Addr{netip.MustParseAddr(ip.IP)}), nil)
			}
		}
	}
	return nil, nil
}

// wantLabel is about names whose port or protocol is just an underscore. Stock takes that for any
// port or any protocol.
func wantLabel(t *trial) ([]ask.Answer, error) {
	below := t.below()
	if isTransfer(t.q.Type) || len(below) != 5 || below[4] != "svc" || below[0] != "_" && below[1] != "_" {
		return nil, nil
	}
	return one(t.absent())
}

// wantSpelling is about addresses that an object does not write as RFC 5952 says. Stock has names
// for them in that spelling only.
func wantSpelling(t *trial) ([]ask.Answer, error) {
	if isTransfer(t.q.Type) {
		return nil, nil
	}
	theirs := t.theirs
	if own, ok := t.ownSpelling(); ok {
		q := t.q
		q.Name = own + t.q.Name[strings.IndexByte(t.q.Name, '.'):]
		var err error
		if theirs, err = t.askElse(q); err != nil {
			return nil, err
		}
	}
	wanted := theirs
	for i, section := range theirs.Sections {
		wanted.Sections[i] = nil
		for _, text := range section {
			wanted.Sections[i] = append(wanted.Sections[i], t.canonical(text))
		}
		slices.Sort(wanted.Sections[i])
	}
	return one(wanted, nil)
}

// ownSpelling is the first label of the trial's name, with the address as the object writes it.
func (t *trial) ownSpelling() (own string, found bool) {
	label, _, _ := strings.Cut(strings.ToLower(t.q.Name), ".")
	addr, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ":"))
	for _, text := range addresses(t.view.w) {
		if a := netip.MustParseAddr(text); err == nil && a == addr {
			own, found = dashed(text), true
		}
	}
	return own, found
}

// canonical writes the addresses in a record's names as RFC 5952 says.
func (t *trial) canonical(text string) string {
	for _, address := range addresses(t.view.w) {
		text = strings.ReplaceAll(text, dashed(address)+".", dashed(netip.MustParseAddr(address).String())+".")
	}
	return text
}
