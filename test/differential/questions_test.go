package differential

import (
	"math/rand/v2"
	"strings"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
	"github.com/neardns/neardns/test/differential/world"
)

// questions are n questions about a cluster with an option set, and some more
// about what every zone has. Every name is asked before one is asked again.
func questions(w *world.World, o options, r *rand.Rand, n int) []ask.Question {
	list := namesOf(w, o, r)
	all := append(about(r, list.real, n*6/10, 10), about(r, list.near, n*4/10, 40)...)
	for _, name := range list.vital {
		all = append(all, everyType(r, name)...)
	}
	if o.transfer {
		all = append(all, transfers(o)...)
	}
	return all
}

// about asks n questions of a list of names, some percent of them for types
// that they hardly have.
func about(r *rand.Rand, list []string, n, odd int) []ask.Question {
	var all []ask.Question
	for len(all) < n {
		for _, i := range r.Perm(len(list)) {
			all = append(all, question(r, spelling(r, list[i]), kind(r, list[i], odd)))
		}
	}
	return all[:n]
}

// everyType asks for a name in all types and in several spellings.
func everyType(r *rand.Rand, name string) []ask.Question {
	var all []ask.Question
	for _, kind := range append(types()[:12], dns.TypeA, dns.TypeAAAA, dns.TypeSRV) {
		for _, spelled := range []string{name, strings.ToUpper(name), spelling(r, name)} {
			all = append(all, question(r, spelled, kind))
		}
	}
	return all
}

// question asks for a name in one of the ways that clients ask.
func question(r *rand.Rand, name string, kind uint16) ask.Question {
	q := ask.Question{Name: name, Type: kind, TCP: r.IntN(8) == 0}
	switch n := r.IntN(100); {
	case n < 15: // no EDNS
	case n < 25:
		q.Size = 1232
	case n < 30: // RFC 6891, section 6.2.3: less than 512 is 512
		q.Size = [...]uint16{1, 300, 512, 513, 700}[r.IntN(5)]
	case n < 32:
		q.Size = 65535
	default:
		q.Size = largestUDP
	}
	q.DO = q.Size > 0 && r.IntN(5) == 0
	if q.Size > 0 && r.IntN(5) == 0 {
		q.Option = ednsOptions[r.IntN(len(ednsOptions))]
	}
	q.RD, q.CD, q.AD = r.IntN(3) > 0, r.IntN(10) == 0, r.IntN(10) == 0
	return q
}

// ednsOptions are those that clients send.
var ednsOptions = []uint16{
	dns.EDNS0NSID, dns.EDNS0SUBNET, dns.EDNS0EXPIRE, dns.EDNS0COOKIE, dns.EDNS0TCPKEEPALIVE, dns.EDNS0PADDING, 65001,
}

// spelling puts some letters of some names in upper case, as resolvers that
// guard against forgery do.
func spelling(r *rand.Rand, name string) string {
	switch n := r.IntN(100); {
	case n < 4:
		return strings.ToUpper(name)
	case n < 12:
		return strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' && r.IntN(2) == 0 {
				return c - 'a' + 'A'
			}
			return c
		}, name)
	}
	return name
}

// kind chooses a type, in some percent of cases one that has few records.
func kind(r *rand.Rand, name string, odd int) uint16 {
	if r.IntN(100) >= odd {
		if reverse(name) {
			return dns.TypePTR
		}
		return [...]uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeSRV}[r.IntN(5)]
	}
	rest := types()
	// Transfers are slow and refused, so few will do.
	if r.IntN(10) > 0 {
		rest = rest[:len(rest)-2]
	}
	return rest[r.IntN(len(rest))]
}

// types are those that have few records or none, and last the transfers.
func types() []uint16 {
	return []uint16{
		dns.TypePTR, dns.TypeCNAME, dns.TypeTXT, dns.TypeNS, dns.TypeSOA, dns.TypeMX, dns.TypeHTTPS, dns.TypeSVCB,
		dns.TypeANY, dns.TypeCAA, dns.TypeDS, 65280, dns.TypeAXFR, dns.TypeIXFR,
	}
}

// transfers are transfers of every zone and of what is no zone.
func transfers(o options) []ask.Question {
	var all []ask.Question
	for _, zone := range append(o.origins(), "a.svc.cluster.local.", "elsewhere.test.") {
		all = append(all,
			ask.Question{Name: zone, Type: dns.TypeAXFR, TCP: true},
			ask.Question{Name: strings.ToUpper(zone), Type: dns.TypeAXFR, TCP: true},
			ask.Question{Name: zone, Type: dns.TypeAXFR},
			ask.Question{Name: zone, Type: dns.TypeIXFR, TCP: true, Serial: 1},
		)
	}
	return all
}
