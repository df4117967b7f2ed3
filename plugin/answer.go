package kubernetes

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
)

// answer is a reply.Reply as records of the DNS library.
type answer struct {
	rcode     int
	passOn    bool // to the next plugin
	records   []dns.RR
	authority []dns.RR
	extra     []dns.RR
	truncated bool
}

// newAnswer makes the records of r, which is the reply to q. It keeps no memory of r.
func newAnswer(q *reply.Question, r *reply.Reply) answer {
	a := answer{rcode: int(r.Rcode), passOn: r.PassOn, truncated: r.Truncated}
	var names []string
	a.records, names = newRecords(q.Name, r)
	a.extra = newExtra(r, names)
	if len(a.records) == 0 && !r.PassOn {
		a.authority = []dns.RR{newSOA(&r.SOA)}
	}
	return a
}

// newRecords makes the records of r's answer section, at owner. It also returns the names that
// they point to, for newExtra.
func newRecords(owner string, r *reply.Reply) (records []dns.RR, names []string) {
	set := &r.Answer
	h := dns.RR_Header{Name: owner, Rrtype: uint16(set.Type), Class: dns.ClassINET, Ttl: set.TTL}
	switch set.Type {
	case wire.A:
		return newA(h, set.Addrs), nil
	case wire.AAAA:
		return newAAAA(h, set.Addrs), nil
	case wire.CNAME:
		return []dns.RR{&dns.CNAME{Hdr: h, Target: dns.Fqdn(set.Target)}}, nil
	case wire.SOA:
		return []dns.RR{newSOA(&set.SOA)}, nil
	case wire.TXT:
		return []dns.RR{&dns.TXT{Hdr: h, Txt: []string{set.Text}}}, nil
	case wire.PTR, wire.NS, wire.SRV:
		names = newNames(set)
		return pointing(h, set, names), names
	}
	return nil, nil
}

// newA makes the A records of one name, all in three blocks of memory.
func newA(h dns.RR_Header, addrs []netip.Addr) []dns.RR {
	rrs, block, ips := make([]dns.RR, len(addrs)), make([]dns.A, len(addrs)), make([]byte, 0, 4*len(addrs))
	for i, addr := range addrs {
		a4 := addr.As4()
		ips = append(ips, a4[:]...)
		block[i] = dns.A{Hdr: h, A: ips[4*i : 4*i+4 : 4*i+4]}
		rrs[i] = &block[i]
	}
	return rrs
}

// newAAAA is newA for IPv6.
func newAAAA(h dns.RR_Header, addrs []netip.Addr) []dns.RR {
	rrs, block, ips := make([]dns.RR, len(addrs)), make([]dns.AAAA, len(addrs)), make([]byte, 0, 16*len(addrs))
	for i, addr := range addrs {
		a16 := addr.As16()
		ips = append(ips, a16[:]...)
		block[i] = dns.AAAA{Hdr: h, AAAA: ips[16*i : 16*i+16 : 16*i+16]}
		rrs[i] = &block[i]
	}
	return rrs
}

// newNames writes the names that a set's records point to, all in one block of memory. A name
// that comes several times in a row is written once.
func newNames(set *reply.Records) []string {
	const label = 24  // bytes, of a dashed IPv4 address or a Pod of a StatefulSet
	var buf [320]byte // longer than any name
	var text strings.Builder
	names := make([]string, len(set.Names))
	for i := range set.Names {
		n := &set.Names[i]
		if i > 0 && *n == set.Names[i-1] {
			names[i] = names[i-1]
			continue
		}
		name := n.AppendTo(buf[:0], set.Origin)
		if i == 0 && n.Label != "" {
			text.Grow(len(set.Names) * (len(name) + label - len(n.Label)))
		}
		start := text.Len()
		text.Write(name)
		names[i] = text.String()[start:]
	}
	return names
}

// pointing makes the NS, PTR or SRV records that point to names.
func pointing(h dns.RR_Header, set *reply.Records, names []string) []dns.RR {
	rrs := make([]dns.RR, len(names))
	srvs := make([]dns.SRV, len(set.Ports))
	for i, name := range names {
		switch set.Type {
		case wire.SRV:
			srvs[i] = dns.SRV{Hdr: h, Weight: set.Weight, Port: set.Ports[i], Target: name}
			rrs[i] = &srvs[i]
		case wire.PTR:
			rrs[i] = &dns.PTR{Hdr: h, Ptr: name}
		case wire.NS:
			rrs[i] = &dns.NS{Hdr: h, Ns: name}
		}
	}
	return rrs
}

// newExtra makes the address records of names.
func newExtra(r *reply.Reply, names []string) []dns.RR {
	if len(r.Extra) == 0 {
		return nil
	}
	rrs := make([]dns.RR, 0, len(r.Extra))
	as, ips := make([]dns.A, 0, len(r.Extra)), make([]byte, 0, 4*len(r.Extra))
	for _, e := range r.Extra {
		h := dns.RR_Header{Name: names[e.Name], Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: r.Answer.TTL}
		if !e.Addr.Is4() {
			h.Rrtype = dns.TypeAAAA
			rrs = append(rrs, &dns.AAAA{Hdr: h, AAAA: e.Addr.AsSlice()})
			continue
		}
		a4, n := e.Addr.As4(), len(ips)
		ips = append(ips, a4[:]...)
		as = append(as, dns.A{Hdr: h, A: ips[n : n+4 : n+4]})
		rrs = append(rrs, &as[len(as)-1])
	}
	return rrs
}

func newSOA(s *reply.SOA) *dns.SOA {
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: s.Origin, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: s.TTL},
		Ns:      s.MName(),
		Mbox:    s.RName(),
		Serial:  s.Serial,
		Refresh: s.Refresh,
		Retry:   s.Retry,
		Expire:  s.Expire,
		Minttl:  s.Minimum,
	}
}
