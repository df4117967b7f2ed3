package kubernetes

import (
	"slices"
	"strings"

	"github.com/coredns/coredns/request"
	"github.com/neardns/neardns/plugin/zone"
)

// served is a zone that the handler answers for.
type served struct {
	name    string // fully qualified, in lower case
	reverse bool
	set     zone.Set
	mname   string // SOA MNAME and RNAME, as for a name asked in lower case
	rname   string
}

func newServed(name string, multicluster []string) served {
	z := served{name: name, reverse: zone.IsReverse(name)}
	z.mname, z.rname = join("ns.dns.", name), join("hostmaster.", name)
	if slices.ContainsFunc(multicluster, func(m string) bool { return inZone(name, m) }) {
		z.set = zone.Imported
	}
	return z
}

// primaryZone returns the zone that PTR records point into: the first one of the cluster's
// own Services, or else the first forward zone.
func primaryZone(zones []served) string {
	forward := slices.DeleteFunc(slices.Clone(zones), func(z served) bool { return z.reverse })
	for _, z := range forward {
		if z.set == zone.Local {
			return z.name
		}
	}
	return forward[0].name
}

// join puts labels, which end in a dot, before an origin.
func join(labels, origin string) string {
	if origin == "." {
		return labels
	}
	return labels + origin
}

// inZone reports whether name stands in the zone z. Both are fully qualified, in lower case.
func inZone(name, z string) bool {
	if z == "." || name == z {
		return true
	}
	i := len(name) - len(z)
	return i > 0 && name[i:] == z && name[i-1] == '.' && !zone.Escaped(name, i-1)
}

// question is a query's name and type, seen from the zone it stands in.
type question struct {
	state request.Request
	zone  *served
	qtype uint16
	qname string // as asked
	name  string // qname in lower case
	rest  string // name, left of the zone and without its last dot; empty at the apex
}

// question finds the zone that the query stands in. It reports false if there is none.
func (k *Kubernetes) question(state request.Request) (question, bool) {
	q := question{state: state, qtype: state.QType(), qname: state.QName()}
	q.name = strings.ToLower(q.qname)
	q.zone = k.match(q.name)
	if q.zone == nil {
		return q, false
	}
	q.rest = strings.TrimSuffix(q.name[:len(q.name)-len(q.zone.name)], ".")
	return q, true
}

// match returns the longest zone that name stands in, or nil.
func (k *Kubernetes) match(name string) (best *served) {
	for i := range k.zones {
		z := &k.zones[i]
		if inZone(name, z.name) && (best == nil || len(z.name) > len(best.name)) {
			best = z
		}
	}
	return best
}

// origin is the zone's name, in the letter case that the query gives it (RFC 4343).
func (q *question) origin() string { return q.qname[len(q.qname)-len(q.zone.name):] }

// at returns q for another name, in whatever letter case. It reports false if that stands in
// another zone.
func (k *Kubernetes) at(q *question, qname string) (question, bool) {
	p := *q
	p.qname, p.name = qname, strings.ToLower(qname)
	if k.match(p.name) != q.zone {
		return p, false
	}
	p.rest = strings.TrimSuffix(p.name[:len(p.name)-len(p.zone.name)], ".")
	return p, true
}
