package differential

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/test/differential/ask"
)

// zone is the zone of a trial's name, spelled as the question does.
func (t *trial) zone() string {
	zone := t.view.o.zone(t.q.Name)
	return t.q.Name[len(t.q.Name)-len(zone):]
}

// reply is an answer of the plugin itself, to compare ours with.
func (t *trial) reply(rcode int, change func(*dns.Msg)) ask.Answer {
	request := t.q.Message(0)
	m := new(dns.Msg)
	m.SetRcode(request, rcode)
	m.Authoritative = true
	change(m)
	if opt := request.IsEdns0(); opt != nil {
		m.Extra = append(m.Extra, opt)
	}
	return ask.NewAnswer(m)
}

// nodata is the answer that a name has no records of the type.
func (t *trial) nodata() ask.Answer {
	return t.reply(dns.RcodeSuccess, func(m *dns.Msg) { m.Ns = []dns.RR{t.soa()} })
}

func (t *trial) soa() dns.RR {
	zone, ttl := t.zone(), t.view.o.seconds()
	join := func(label string) string {
		if zone == "." {
			return label + "."
		}
		return label + "." + zone
	}
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: min(ttl, 300)},
		Ns:  join("ns.dns"), Mbox: join("hostmaster"), Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: ttl,
	}
}

// header is the header of the plugin's records.
func (t *trial) header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: t.view.o.seconds()}
}

// absent is the answer if the question's name does not exist: stock's answer for a neighbour that
// surely does not. Another plugin may give it.
func (t *trial) absent() (ask.Answer, error) {
	const longest = 32 + 2 // labels of an IPv6 address's reverse name; stock ignores more
	q := t.q
	parent := up(q.Name)
	for dns.CountLabel(parent) >= longest {
		parent = up(parent)
	}
	q.Name = "zzz-absent." + parent
	return t.askElse(q)
}

// as is stock's answer for the same name with another type.
func (t *trial) as(kind uint16) (ask.Answer, error) {
	q := t.q
	q.Type = kind
	return t.askElse(q)
}

// askElse asks stock another question, and writes the answer as if it were for the trial's. Stock
// answers every name with an SOA if asked for one, so it is asked for another type instead.
func (t *trial) askElse(q ask.Question) (ask.Answer, error) {
	if q.Type == dns.TypeSOA {
		q.Type = 65280
	}
	a, err := t.stock.Ask(q)
	if err != nil {
		return a, err
	}
	asked := t.q.Message(0).Question[0]
	a.Question = asked.String()
	for i, section := range a.Sections {
		for j, text := range section {
			if rest, ok := strings.CutPrefix(text, q.Name+"\t"); ok {
				a.Sections[i][j] = t.q.Name + "\t" + rest
			}
		}
	}
	return a.Unique(), nil
}

// matches tells whether our answer is what a rule wants, or as much of that as fits.
func (t *trial) matches(want ask.Answer) bool {
	if !t.own.Truncated() || want.Truncated() {
		return t.own.Equal(want)
	}
	return t.own.Rcode == want.Rcode && t.own.Question == want.Question && t.own.OPT == want.OPT && t.own.Within(want)
}
