package proof

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// differs says what differs between two answers to j's query, or nothing if they are the same. One
// is the lane's. The DNS library reads both, so that a mistake of the lane's own code does not
// hide itself.
//
// The OPT record is not compared. Its cookies and sizes are the lane's own. CoreDNS sends no
// cookies, so it has room for more records than the lane, and may have to cut nothing where the lane
// must.
func (j *job) differs(lane, other []byte) string {
	a, b := new(dns.Msg), new(dns.Msg)
	if a.Unpack(lane) != nil || b.Unpack(other) != nil {
		return "one is malformed"
	}
	even := optLen(a) == optLen(b)
	if !even {
		a.Truncated = a.Truncated || b.Truncated
		b.Truncated = a.Truncated
	}
	switch {
	case a.Rcode != b.Rcode:
		return "the response code"
	case a.MsgHdr != b.MsgHdr:
		return "the header's flags"
	case len(a.Question) != 1 || len(b.Question) != 1 || a.Question[0] != b.Question[0]:
		return "the question"
	}
	var full *dns.Msg
	if a.Truncated {
		full = j.full()
	}
	as, bs := sections(a), sections(b)
	if (len(as[0]) == 0) != (len(bs[0]) == 0) { // whatever else has no room, one record has
		return sectionNames[0]
	}
	for i, name := range sectionNames {
		if a.Truncated {
			if full != nil && !j.samePart(as[i], bs[i], sections(full)[i], even) {
				return name
			}
		} else if len(as[i]) != len(bs[i]) || !j.within(as[i], bs[i]) {
			return name
		}
	}
	return ""
}

// full returns the lane's answer over TCP, which has all records. It returns nil if even that is
// truncated.
func (j *job) full() *dns.Msg {
	q := j.query
	q.TCP = true
	m := new(dns.Msg)
	if m.Unpack(j.Lane(&q)) != nil || m.Truncated {
		return nil
	}
	return m
}

// samePart compares a section of two truncated answers. Either may have any of the full answer's
// records, because they may be rotated. How many fit depends on which they are, unless all have
// the same length, and both answers have the same room.
func (j *job) samePart(a, b, full []dns.RR, even bool) bool {
	if !j.within(a, full) || !j.within(b, full) {
		return false
	}
	if even && !slices.ContainsFunc(full, func(r dns.RR) bool { return dns.Len(r) != dns.Len(full[0]) }) {
		return len(a) == len(b)
	}
	return true
}

// within reports whether all has each record of part, as often as part has it.
func (j *job) within(part, all []dns.RR) bool {
	left := make(map[string][]dns.RR, len(all)) // what part may still have
	for _, r := range all {
		k := key(r)
		left[k] = append(left[k], r)
	}
	for _, r := range part {
		k := key(r)
		at := slices.IndexFunc(left[k], func(other dns.RR) bool { return j.sameRecord(r, other) })
		if at < 0 {
			return false
		}
		left[k] = slices.Delete(left[k], at, at+1)
	}
	return true
}

// key is the same for records that are the same. Of the records that an answer may have by the
// thousand, in an order that loadbalance makes, few others have it.
func key(r dns.RR) string {
	switch r := r.(type) {
	case *dns.A:
		return string(r.A.To16())
	case *dns.AAAA:
		return string(r.AAAA.To16())
	case *dns.SRV:
		return strings.ToLower(r.Target)
	}
	return ""
}

// sameRecord compares two records. Letter case does not count in names: the cache keeps that of an
// earlier query. Nor does an SOA record's serial, which moves with each change in the cluster.
func (j *job) sameRecord(a, b dns.RR) bool {
	if !j.query.Cached && a.Header().Ttl != b.Header().Ttl {
		return false
	}
	if x, ok := a.(*dns.SOA); ok {
		if y, ok := b.(*dns.SOA); ok {
			c := *y
			c.Serial = x.Serial
			b = &c
		}
	}
	return dns.IsDuplicate(a, b)
}

// optLen returns how many bytes the OPT record takes.
func optLen(m *dns.Msg) int {
	if o := m.IsEdns0(); o != nil {
		return dns.Len(o)
	}
	return 0
}

var sectionNames = [3]string{"the answer section", "the authority section", "the additional section"}

// sections returns the records of each section, without those that are about the message itself.
func sections(m *dns.Msg) (s [3][]dns.RR) {
	s = [3][]dns.RR{m.Answer, m.Ns, nil}
	for _, r := range m.Extra {
		if t := r.Header().Rrtype; t != dns.TypeOPT && t != dns.TypeTSIG {
			s[2] = append(s[2], r)
		}
	}
	return s
}
