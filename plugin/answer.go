package kubernetes

import (
	"context"
	"math/rand/v2"
	"net/netip"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// answer is what a reply is made of. Without records, existence tells the rcode.
type answer struct {
	existence zone.Existence
	rcode     int // of an alias: what became of its target
	records   []dns.RR
	authority []dns.RR
	extra     []dns.RR
	truncated bool
}

// schemaVersion is that of the Kubernetes DNS specification.
const (
	schemaVersion    = "1.1.0"
	schemaVersionTTL = 28800 // seconds
)

// answer answers q.
func (k *Kubernetes) answer(ctx context.Context, q *question) answer {
	switch {
	case q.rest == "":
		return k.apex(q)
	case zone.IsReverse(q.name) && !q.nameServer():
		return k.pointers(q)
	}
	found := k.store.Lookup(q.zone.set, q.rest)
	a := answer{existence: found.Existence}
	switch found.What {
	case zone.Version:
		a.records = k.version(q)
	case zone.NameServer:
		a.records = k.nameServerAddrs(q)
	case zone.Alias:
		return k.alias(ctx, q, &found)
	case zone.ServiceIPs, zone.ServicePods:
		if q.qtype == dns.TypeSRV {
			a.records, a.extra, a.truncated = k.srv(q, &found)
			break
		}
		a.records, a.truncated = k.addrs(q, &found)
	case zone.PodIP:
		a.records, a.truncated = k.addrs(q, &found)
	}
	return a
}

// nameServer reports whether q is at ns.dns, or its parent: they stand in reverse zones too.
func (q *question) nameServer() bool { return q.rest == "ns.dns" || q.rest == "dns" }

// apex answers at the zone's own name, which always exists.
func (k *Kubernetes) apex(q *question) answer {
	if !k.store.Synced() {
		return answer{existence: zone.NotSynced}
	}
	a := answer{existence: zone.Records}
	switch q.qtype {
	case dns.TypeSOA:
		a.records = []dns.RR{k.soa(q)}
	case dns.TypeNS:
		a.records, a.extra = k.ns(q)
	}
	return a
}

func (k *Kubernetes) soa(q *question) *dns.SOA {
	origin, mname, rname := q.origin(), q.zone.mname, q.zone.rname
	if origin != q.zone.name {
		mname, rname = join("ns.dns.", origin), join("hostmaster.", origin)
	}
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: origin, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: min(k.ttl, 300)},
		Ns:      mname,
		Mbox:    rname,
		Serial:  k.store.Serial(q.zone.set),
		Refresh: 7200,
		Retry:   1800,
		Expire:  86400,
		Minttl:  k.ttl,
	}
}

func (k *Kubernetes) version(q *question) []dns.RR {
	if q.qtype != dns.TypeTXT {
		return nil
	}
	hdr := dns.RR_Header{Name: q.qname, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: schemaVersionTTL}
	return []dns.RR{&dns.TXT{Hdr: hdr, Txt: []string{schemaVersion}}}
}

// The least that a record takes in a message, its owner name compressed (RFC 1035 section
// 4.1.4), in bytes.
const (
	sizeRR   = 2 + 10
	sizeA    = sizeRR + 4
	sizeAAAA = sizeRR + 16
	sizeSRV  = sizeRR + 6
)

// room returns how many records of at least size bytes the reply should hold, of total
// that found names. Where the reply has no room for all, that is one more than fit, so
// that it is truncated as it would be with all, and found is turned to begin anywhere.
// A reply that lacks records for that reason has to say so itself: a cache would keep it.
func room(q *question, found *zone.Result, total, size int) int {
	const few = 16 // any reply has room for these
	if total <= few {
		return total
	}
	fit := q.state.Size()/size + 1
	if total <= fit {
		return total
	}
	found.Rotate(rand.Uint64() >> 1)
	return fit
}

// addrs returns the A or AAAA records of what was found, whichever q asks for, if either,
// and whether there are more.
func (k *Kubernetes) addrs(q *question, found *zone.Result) ([]dns.RR, bool) {
	var buf [64]netip.Addr
	total := found.EndpointCount()
	switch q.qtype {
	case dns.TypeA:
		n := room(q, found, total, sizeA)
		addrs := found.AppendAddrs(buf[:0], true, n)
		return k.recordsA(q.qname, addrs), n < total && len(addrs) == n
	case dns.TypeAAAA:
		n := room(q, found, total, sizeAAAA)
		addrs := found.AppendAddrs(buf[:0], false, n)
		return k.recordsAAAA(q.qname, addrs), n < total && len(addrs) == n
	}
	return nil, false
}

// recordsA makes the A records of one name, all in three blocks of memory.
func (k *Kubernetes) recordsA(name string, addrs []netip.Addr) []dns.RR {
	rrs, block, ips := make([]dns.RR, len(addrs)), make([]dns.A, len(addrs)), make([]byte, 0, 4*len(addrs))
	for i, addr := range addrs {
		a4 := addr.As4()
		ips = append(ips, a4[:]...)
		block[i] = dns.A{Hdr: k.header(name, dns.TypeA), A: ips[4*i : 4*i+4 : 4*i+4]}
		rrs[i] = &block[i]
	}
	return rrs
}

// recordsAAAA is recordsA for IPv6.
func (k *Kubernetes) recordsAAAA(name string, addrs []netip.Addr) []dns.RR {
	rrs, block, ips := make([]dns.RR, len(addrs)), make([]dns.AAAA, len(addrs)), make([]byte, 0, 16*len(addrs))
	for i, addr := range addrs {
		a16 := addr.As16()
		ips = append(ips, a16[:]...)
		block[i] = dns.AAAA{Hdr: k.header(name, dns.TypeAAAA), AAAA: ips[16*i : 16*i+16 : 16*i+16]}
		rrs[i] = &block[i]
	}
	return rrs
}

// addr makes the A or AAAA record of one address.
func (k *Kubernetes) addr(name string, addr netip.Addr) dns.RR {
	if addr.Is4() {
		return &dns.A{Hdr: k.header(name, dns.TypeA), A: addr.AsSlice()}
	}
	return &dns.AAAA{Hdr: k.header(name, dns.TypeAAAA), AAAA: addr.AsSlice()}
}

func (k *Kubernetes) header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: k.ttl}
}
