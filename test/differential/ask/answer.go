package ask

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// The sections of an answer.
const (
	Records = iota
	Authority
	Additional
)

// Answer is what a server answered, in a form that can be compared: each section
// is sorted, and an SOA's serial, which is a time, is 0.
type Answer struct {
	Silent   bool // the server sent nothing
	Again    bool // it was asked twice
	Rcode    int
	Flags    string
	Question string
	Sections [3][]string
	OPT      string // version and flags of the OPT record, as RFC 6891 has them
	Size     uint16 // that it says, in bytes
	Options  string // in it, but for the
	Why      string // extended errors (RFC 8914)
}

// NewAnswer keeps all records of a message, duplicates as well.
func NewAnswer(m *dns.Msg) Answer {
	a := Answer{Rcode: m.Rcode, Flags: flags(m)}
	for _, q := range m.Question {
		a.Question += q.String()
	}
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			if opt, ok := rr.(*dns.OPT); ok {
				a.addOPT(opt)
				continue
			}
			a.Sections[i] = append(a.Sections[i], Text(rr))
		}
		slices.Sort(a.Sections[i])
	}
	return a
}

// addOPT adds what an OPT record says. A message has one at most, so a second one shows.
func (a *Answer) addOPT(opt *dns.OPT) {
	a.OPT += fmt.Sprintf("OPT version %d flags %04x;", opt.Version(), opt.Hdr.Ttl&0xffff)
	a.Size = opt.UDPSize()
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			a.Why += fmt.Sprintf("%d %s;", e.InfoCode, e.ExtraText)
			continue
		}
		a.Options += fmt.Sprintf("%d %s;", o.Option(), o)
	}
}

// Text is a record with an SOA's serial set to 0.
func Text(rr dns.RR) string {
	if soa, ok := rr.(*dns.SOA); ok {
		same := *soa
		same.Serial = 0
		return same.String()
	}
	return rr.String()
}

func flags(m *dns.Msg) string {
	var on []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"aa", m.Authoritative}, {"tc", m.Truncated}, {"rd", m.RecursionDesired},
		{"ra", m.RecursionAvailable}, {"ad", m.AuthenticatedData}, {"cd", m.CheckingDisabled},
	} {
		if f.set {
			on = append(on, f.name)
		}
	}
	return strings.Join(on, " ")
}

// Truncated reports whether the answer did not fit.
func (a Answer) Truncated() bool { return slices.Contains(strings.Fields(a.Flags), "tc") }

// Unique is the answer without duplicate records.
func (a Answer) Unique() Answer {
	for i := range a.Sections {
		a.Sections[i] = slices.Compact(slices.Clone(a.Sections[i]))
	}
	return a
}

// Equal reports whether two answers are the same.
func (a Answer) Equal(b Answer) bool {
	return a.SameHeader(b) && slices.Equal(a.Sections[Records], b.Sections[Records]) &&
		slices.Equal(a.Sections[Authority], b.Sections[Authority]) &&
		slices.Equal(a.Sections[Additional], b.Sections[Additional])
}

// SameHeader reports whether two answers are the same but for their records, and for the size and
// the options that the server says of itself.
func (a Answer) SameHeader(b Answer) bool {
	return a.Silent == b.Silent && a.Rcode == b.Rcode && a.Flags == b.Flags &&
		a.Question == b.Question && a.OPT == b.OPT
}

// Within reports whether every record of an answer is in another.
func (a Answer) Within(b Answer) bool {
	for i, section := range a.Sections {
		for _, text := range section {
			if _, found := slices.BinarySearch(b.Sections[i], text); !found {
				return false
			}
		}
	}
	return true
}

// String is the answer as text for people.
func (a Answer) String() string {
	return a.header() + lines("", a, Answer{})
}

// Difference says in which way an answer, ours, differs from stock's.
func Difference(stock, ours Answer) string {
	return "stock: " + stock.header() + "\nours:  " + ours.header() +
		lines("only stock's ", stock, ours) + lines("only ours ", ours, stock)
}

func (a Answer) header() string {
	if a.Silent {
		return "no answer"
	}
	return fmt.Sprintf("%s [%s] %s, %d+%d+%d records", dns.RcodeToString[a.Rcode], a.Flags,
		strings.TrimPrefix(a.Question, ";"), len(a.Sections[0]), len(a.Sections[1]), len(a.Sections[2]))
}

// longest is how many records of an answer are shown.
const longest = 12

// lines returns the records of one answer that another lacks, or has less often.
func lines(prefix string, a, other Answer) string {
	var b strings.Builder
	n := 0
	for i, name := range []string{"answer", "authority", "additional"} {
		left := slices.Clone(other.Sections[i])
		for _, text := range a.Sections[i] {
			if at := slices.Index(left, text); at >= 0 {
				left = slices.Delete(left, at, at+1)
				continue
			}
			if n++; n <= longest {
				fmt.Fprintf(&b, "\n  %s%s: %s", prefix, name, text)
			}
		}
	}
	if a.OPT != other.OPT && a.OPT != "" {
		fmt.Fprintf(&b, "\n  %s%s", prefix, a.OPT)
	}
	if n > longest {
		fmt.Fprintf(&b, "\n  %sand %d more", prefix, n-longest)
	}
	return b.String()
}
