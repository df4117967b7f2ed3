package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Difference is a difference between the lane's answer to a query and CoreDNS's own.
type Difference struct {
	What        string // what differs, in a few words
	Lane, Chain []byte // both answers
}

// mostShown is how many records of a section String writes.
const mostShown = 5

// String writes both answers on one line, in the words of dig. Of a section with many records it
// writes a few, those first that the other answer lacks.
func (d *Difference) String() string {
	lane, chain := new(dns.Msg), new(dns.Msg)
	errLane, errChain := lane.Unpack(d.Lane), chain.Unpack(d.Chain)
	return fmt.Sprintf("%s differs; the express lane's answer: %s; CoreDNS's own: %s",
		d.What, text(lane, errLane, chain), text(chain, errChain, lane))
}

// text writes m, which may be malformed, in which case err says so.
func text(m *dns.Msg, err error, other *dns.Msg) string {
	if err != nil {
		return "malformed, " + err.Error()
	}
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(strings.ReplaceAll(m.MsgHdr.String(), "\n;; ", "; "), ";; "))
	for _, q := range m.Question {
		b.WriteString(" QUESTION: " + strings.Join(strings.Fields(strings.TrimPrefix(q.String(), ";")), " ") + ";")
	}
	others := sections(other)
	for i, records := range sections(m) {
		if len(records) > 0 {
			fmt.Fprintf(&b, " %s %d: %s;", [...]string{"ANSWER", "AUTHORITY", "ADDITIONAL"}[i], len(records), few(records, others[i]))
		}
	}
	return strings.TrimSuffix(b.String(), ";")
}

// few writes some records, those first that others lacks.
func few(records, others []dns.RR) string {
	var first, rest []dns.RR
	for _, r := range records {
		if slices.ContainsFunc(others, func(o dns.RR) bool { return dns.IsDuplicate(r, o) }) {
			rest = append(rest, r)
		} else {
			first = append(first, r)
		}
	}
	var texts []string
	for i, r := range append(first, rest...) {
		if i == mostShown {
			texts = append(texts, fmt.Sprintf("and %d more", len(records)-i))
			break
		}
		texts = append(texts, strings.Join(strings.Fields(r.String()), " "))
	}
	return strings.Join(texts, ", ")
}
