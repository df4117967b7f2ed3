package reply

import (
	"slices"
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// The labels of a zone's SOA names, MNAME and RNAME (RFC 1035, section 3.3.13), left of the zone.
const (
	NameServerLabels = "ns.dns."
	MailboxLabels    = "hostmaster."
)

// Zone is a zone that is served.
type Zone struct {
	Name    string // fully qualified, in lower case
	Reverse bool   // it holds reverse names, below in-addr.arpa or ip6.arpa
	Set     zone.Set

	length int    // of Name in a message, in bytes
	mname  string // SOA MNAME and RNAME, for a question in lower case
	rname  string
}

// NewZone returns the zone of a name, which is fully qualified and in lower case. It serves
// ServiceImports if it is one of multicluster or stands in one.
func NewZone(name string, multicluster []string) Zone {
	z := Zone{
		Name: name, Reverse: zone.IsReverse(name), length: Length(name),
		mname: Join(NameServerLabels, name), rname: Join(MailboxLabels, name),
	}
	if slices.ContainsFunc(multicluster, func(m string) bool { return InZone(name, m) }) {
		z.Set = zone.Imported
	}
	return z
}

// LongestName returns the longest name that every zone has.
func (z *Zone) LongestName() string { return z.rname }

// Zones are the zones of one block.
type Zones []Zone

// NewZones returns the zones with the names given; see NewZone.
func NewZones(names, multicluster []string) Zones {
	var zs Zones
	for _, name := range names {
		zs = append(zs, NewZone(name, multicluster))
	}
	return zs
}

// Match returns the longest zone that name stands in, or nil. The name is fully qualified and in
// lower case.
func (zs Zones) Match(name string) (best *Zone) {
	for i := range zs {
		z := &zs[i]
		if InZone(name, z.Name) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

// primary returns the zone that PTR records point into: the first one of the cluster's own
// Services, or else the first forward zone. There is always a forward zone.
func (zs Zones) primary() (first *Zone) {
	for i := range zs {
		switch z := &zs[i]; {
		case z.Reverse:
		case z.Set == zone.Local:
			return z
		case first == nil:
			first = z
		}
	}
	return first
}

// Longest returns the length in a message, in bytes, of the longest forward zone that serves a
// set, or 0 if none does.
func (zs Zones) Longest(set zone.Set) (longest int) {
	for i := range zs {
		if z := &zs[i]; z.Set == set && !z.Reverse {
			longest = max(longest, z.length)
		}
	}
	return longest
}

// Question is a name and a type, seen from the zone that the name stands in.
type Question struct {
	Name  string // as asked: fully qualified, in any letter case
	Lower string // Name in lower case
	Rest  string // Lower, left of the zone and without its last dot; empty at the apex
	Zone  *Zone
	Type  wire.Type
	Size  int  // bytes that the reply may have
	EDNS  bool // it may have an OPT record
}

// Question finds the zone that a name stands in. It returns false if there is none. The caller
// sets Size and EDNS.
func (zs Zones) Question(name string, qtype wire.Type) (Question, bool) {
	return zs.QuestionLower(name, strings.ToLower(name), qtype)
}

// QuestionLower is Question for a name that was given in lower case as well.
func (zs Zones) QuestionLower(name, lower string, qtype wire.Type) (Question, bool) {
	q := Question{Name: name, Lower: lower, Type: qtype}
	if q.Zone = zs.Match(q.Lower); q.Zone == nil {
		return q, false
	}
	q.Rest = strings.TrimSuffix(q.Lower[:len(q.Lower)-len(q.Zone.Name)], ".")
	return q, true
}

// origin is the zone's name, in the letter case that the question gives it (RFC 4343).
func (q *Question) origin() string { return q.Name[len(q.Name)-len(q.Zone.Name):] }

// length returns how many bytes a reply has before its records, at least: those of the header and of the
// question (RFC 1035, sections 4.1.1 and 4.1.2). Names with escapes have no records. Where q is about an
// alias's target, the alias takes the place of the target's name, and more.
func (q *Question) length() int { return wire.HeaderLen + len(q.Rest) + 1 + q.Zone.length + 4 }

// At returns the question for labels below the zone, which end in a dot: "ns.dns.".
func (q *Question) At(labels string, qtype wire.Type) Question {
	return Question{
		Name: Join(labels, q.Zone.Name), Lower: Join(labels, q.Zone.Name), Rest: strings.TrimSuffix(labels, "."),
		Zone: q.Zone, Type: qtype, Size: q.Size,
	}
}

// nameServer reports whether q is about ns.dns or the name above it. Reverse zones have both, too.
func (q *Question) nameServer() bool { return q.Rest == "ns.dns" || q.Rest == "dns" }

// Join puts labels, which end in a dot, before an origin.
func Join(labels, origin string) string {
	if origin == "." {
		return labels
	}
	return labels + origin
}

// InZone reports whether name stands in the zone z. Both are fully qualified and in lower case.
func InZone(name, z string) bool {
	if z == "." || name == z {
		return true
	}
	i := len(name) - len(z)
	return i > 0 && name[i:] == z && name[i-1] == '.' && !zone.Escaped(name, i-1)
}

// Length returns how many bytes a name, which ends in a dot, takes in a message. That is one for
// each of its characters and one for the root (RFC 1035, section 3.1). An escaped character is
// written as a backslash and itself, or as a backslash and three digits (section 5.1).
func Length(name string) int {
	if name == "." {
		return 1
	}
	n := 1
	for i := 0; i < len(name); i++ {
		if n++; name[i] == '\\' {
			if i++; i+2 < len(name) && isDigit(name[i]) {
				i += 2
			}
		}
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
