package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
)

// one is the answers of a rule that allows but one.
func one(a ask.Answer, err error) ([]ask.Answer, error) { return []ask.Answer{a}, err }

// transfers are no questions about a name, so most rules are not about them.
func isTransfer(kind uint16) bool { return kind == dns.TypeAXFR || kind == dns.TypeIXFR }

// below are the labels of the trial's name below its zone, in lower case.
func (t *trial) below() []string { return t.view.base(t.q.Name) }

func (t *trial) is(labels ...string) bool { return slices.Equal(t.below(), labels) }

// hasPTR tells whether the trial's name is of an address with a PTR.
func (t *trial) hasPTR() bool {
	p := t.view.pointers[strings.ToLower(t.q.Name)]
	return reverse(t.zone()) && len(p.services)+len(p.endpoints) > 0
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

func wantEmpty(t *trial) ([]ask.Answer, error) {
	if isTransfer(t.q.Type) || !t.view.empty(t.q.Name) {
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

// wantCase is about the two names that stock looks for with the zone in lower
// case only.
func wantCase(t *trial) ([]ask.Answer, error) {
	lower := strings.ToLower(t.q.Name)
	apex := len(t.below()) == 0 && t.q.Type == dns.TypeNS
	if t.q.Name == lower || isTransfer(t.q.Type) || !apex && !t.is("ns", "dns") {
		return nil, nil
	}
	q := t.q
	q.Name = lower
	a, err := t.probe(q)
	for i, section := range a.Sections {
		for j, text := range section {
			a.Sections[i][j] = t.respell(text)
		}
		slices.Sort(a.Sections[i])
	}
	return one(a, err)
}

// respell writes the zone in a record as the question does.
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

func wantPodSRV(t *trial) ([]ask.Answer, error) {
	below := t.below()
	if t.q.Type != dns.TypeSRV || len(below) != 3 || below[2] != "pod" || len(t.theirs.Sections[ask.Records]) == 0 {
		return nil, nil
	}
	for _, text := range t.theirs.Sections[ask.Records] {
		if !strings.Contains(text, "\tSRV\t0 100 0 ") {
			return nil, nil
		}
	}
	return one(t.nodata(), nil)
}
