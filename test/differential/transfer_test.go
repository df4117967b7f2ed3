package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
)

// wantTransfer takes a transfer for right if it has what stock answers to questions: each
// record that only ours has is in stock's answer to a question for it, and none that only
// stock has is. What names the server is the business of another rule.
//
// A name that is not a zone's is not transferred; stock sends the zone's records below it.
func wantTransfer(t *trial) ([]ask.Answer, error) {
	if isTransfer(t.q.Type) && len(t.below()) > 0 && t.own.Rcode == dns.RcodeRefused && len(t.own.Sections[ask.Records]) == 0 {
		return one(t.own, nil)
	}
	if !isTransfer(t.q.Type) || t.own.Silent || t.theirs.Silent || !t.own.SameHeader(t.theirs) {
		return nil, nil
	}
	stock, ours := t.theirs.Sections[ask.Records], t.own.Sections[ask.Records]
	for _, text := range ours {
		if ok, err := t.answered(text); err != nil || !slices.Contains(stock, text) && !t.servers(text) && !ok {
			return nil, err
		}
	}
	for _, text := range stock {
		if slices.Contains(ours, text) || t.servers(text) {
			continue
		}
		if ok, err := t.answered(text); err != nil || ok {
			return nil, err
		}
	}
	return one(t.own, nil)
}

// servers tells whether a record names a server of the zone, where that differs.
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

// answered tells whether stock answers with a record when asked for it, in whatever spelling of
// addresses. Weights of SRV records are shares of an answer, so that they may differ; and where
// two Services have one address, stock picks one at random.
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
		if slices.ContainsFunc(a.Sections[ask.Records], func(other string) bool { return unweighted(t.canonical(other)) == unweighted(text) }) {
			return true, nil
		}
	}
	return false, nil
}

func unweighted(text string) string {
	rr, err := dns.NewRR(text)
	if srv, ok := rr.(*dns.SRV); ok && err == nil {
		srv.Weight = 0
		return strings.ToLower(srv.String())
	}
	return strings.ToLower(text)
}
