package differential

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
)

// wantTransfer accepts a transfer that has what stock answers to questions. Each record that only
// ours has must be in stock's answer to a question for it, and no record that only stock has may
// be. Records that name the server belong to another rule.
//
// For a name that is not a zone, ours transfers nothing. Stock sends the zone's records below it.
func wantTransfer(t *trial) ([]ask.Answer, error) {
	if isTransfer(t.q.Type) && len(t.below()) > 0 && t.own.Rcode == dns.RcodeRefused && len(t.own.Sections[ask.Records]) == 0 {
		return one(t.own, nil)
	}
	if !isTransfer(t.q.Type) || t.own.Silent || t.theirs.Silent || !t.own.SameHeader(t.theirs) {
		return nil, nil
	}
	stock, ours := t.theirs.Sections[ask.Records], t.own.Sections[ask.Records]
	for _, text := range ours {
		if ok, err := t.answered(text); err != nil || !slices.Contains(stock, text) && !t.servers(text) && !t.odd(text) && !ok {
			return nil, err
		}
	}
	for _, text := range stock {
		if containsUnweighted(ours, t.canonical(text)) || t.servers(text) || wildcard(text) || t.misplaced(text) {
			continue
		}
		if ok, err := t.answered(text); err != nil || ok {
			return nil, err
		}
	}
	return one(t.own, nil)
}

// servers tells whether a record names a server of the zone, where stock and ours differ.
func (t *trial) servers(text string) bool {
	apex := *t
	apex.q.Type = dns.TypeNS
	wanted, err := wantNameServer(&apex)
	rr, parseErr := dns.NewRR(text)
	if err != nil || parseErr != nil || len(wanted) == 0 {
		return false
	}
	kind := rr.Header().Rrtype
	return kind == dns.TypeNS || kind == dns.TypeA || kind == dns.TypeAAAA
}

// answered tells whether stock answers with a record when it is asked for it, in any spelling of
// addresses. If two Services have one address, stock picks one at random.
func (t *trial) answered(text string) (bool, error) {
	rr, err := dns.NewRR(text)
	if err != nil || rr == nil {
		return false, err
	}
	q := ask.Question{Name: rr.Header().Name, Type: rr.Header().Rrtype, TCP: true}
	again := 1
	if q.Type == dns.TypePTR {
		again = tries
	}
	for range again {
		a, err := t.stock.Ask(q)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(a.Sections[ask.Records], func(other string) bool { return strings.EqualFold(t.canonical(other), text) }) {
			return true, nil
		}
	}
	return false, nil
}

// containsUnweighted tells whether a record is in a list. The weight of an SRV record does not
// count: stock computes it differently in transfers and in answers.
func containsUnweighted(list []string, text string) bool {
	return slices.ContainsFunc(list, func(other string) bool { return unweighted(other) == unweighted(text) })
}

// odd tells whether a record names an address that an object does not write as RFC 5952 says. Stock
// has no PTR record for it.
func (t *trial) odd(text string) bool {
	for _, address := range addresses(t.view.w) {
		name := dashed(netip.MustParseAddr(address).String())
		if name != dashed(address) && strings.Contains(text, "\t"+name+".") {
			return true
		}
	}
	return false
}

// misplaced tells whether a record belongs to a Service but is in a reverse zone. Stock answers
// there for some types.
func (t *trial) misplaced(text string) bool {
	zone := strings.ToLower(t.zone())
	return reverse(zone) && strings.HasSuffix(strings.ToLower(strings.Fields(text)[0]), ".svc."+zone)
}

// wildcard tells whether a label of a record's name is just an underscore. Stock takes that for any
// port or any protocol.
func wildcard(text string) bool {
	return strings.HasPrefix(text, "_.") || strings.Contains(strings.Fields(text)[0], "._.")
}

func unweighted(text string) string {
	rr, err := dns.NewRR(text)
	if srv, ok := rr.(*dns.SRV); ok && err == nil {
		srv.Weight = 0
		return strings.ToLower(srv.String())
	}
	return strings.ToLower(text)
}
