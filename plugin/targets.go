package kubernetes

import (
	"hash/maphash"
	"math/bits"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// targets collects SRV records and their targets' addresses, each once. What it makes lies
// in few blocks of memory, since an answer may hold thousands.
type targets struct {
	k       *Kubernetes
	owner   string
	records []dns.RR
	extra   []dns.RR

	text strings.Builder // all targets' names, one after another
	srvs []dns.SRV
	as   []dns.A
	ips  []byte

	seed        maphash.Seed
	seenRecords seen
	seenExtra   seen
}

// newTargets returns targets with room for n records and m addresses, of names that are
// length bytes and some long.
func newTargets(k *Kubernetes, owner string, n, m, length int) *targets {
	const label = 24 // of a dashed IPv4 address, or a Pod of a StatefulSet
	s := &targets{
		k: k, owner: owner,
		records: make([]dns.RR, 0, n), extra: make([]dns.RR, 0, m),
		srvs: make([]dns.SRV, 0, n), as: make([]dns.A, 0, m), ips: make([]byte, 0, 4*m),
		seed: maphash.MakeSeed(), seenRecords: newSeen(n), seenExtra: newSeen(m),
	}
	s.text.Grow(n * (label + length))
	return s
}

// name writes a target's name, and returns it.
func (s *targets) name(t zone.Target, service string, what zone.What) string {
	if what == zone.ServiceIPs {
		return service
	}
	var buf [320]byte // longer than any name
	start := s.text.Len()
	s.text.Write(appendEndpointName(buf[:0], t, service))
	return s.text.String()[start:]
}

// full reports whether there is no room for another record.
func (s *targets) full() bool { return len(s.records) == cap(s.records) }

// add adds one target. An address for which there is no room is left out.
func (s *targets) add(t zone.Target, name string, weight uint16) {
	hash := maphash.String(s.seed, name)
	if s.seenRecords.add(hash, len(s.records), func(i int) bool { return isSRV(s.records[i], name, t.Port) }) {
		s.srvs = append(s.srvs, dns.SRV{Hdr: s.k.header(s.owner, dns.TypeSRV), Weight: weight, Port: t.Port, Target: name})
		s.records = append(s.records, &s.srvs[len(s.srvs)-1])
	}
	if len(s.extra) == cap(s.extra) {
		return
	}
	if s.seenExtra.add(hash, len(s.extra), func(i int) bool { return isAddr(s.extra[i], name, t.Addr) }) {
		s.extra = append(s.extra, s.addr(name, t.Addr))
	}
}

func isSRV(rr dns.RR, target string, port uint16) bool {
	srv := rr.(*dns.SRV)
	return srv.Port == port && srv.Target == target
}

func isAddr(rr dns.RR, name string, addr netip.Addr) bool {
	var ip net.IP
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A
	case *dns.AAAA:
		ip = rr.AAAA
	}
	a, _ := netip.AddrFromSlice(ip)
	return a == addr && rr.Header().Name == name
}

func (s *targets) addr(name string, addr netip.Addr) dns.RR {
	if !addr.Is4() {
		return s.k.addr(name, addr)
	}
	a4, n := addr.As4(), len(s.ips)
	s.ips = append(s.ips, a4[:]...)
	s.as = append(s.as, dns.A{Hdr: s.k.header(name, dns.TypeA), A: s.ips[n : n+4 : n+4]})
	return &s.as[len(s.as)-1]
}

// seen is a hash table of the places of records in a list, plus one; 0 is a free slot. It
// takes a tenth of the memory of a map.
type seen []uint32

// newSeen returns a table that is half full with n places.
func newSeen(n int) seen { return make(seen, 2<<bits.Len(uint(n))) }

// add puts a place, which is less than n, in, and reports true, unless a record that is
// the same has one.
func (s seen) add(hash uint64, place int, same func(place int) bool) bool {
	mask := uint64(len(s) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch p := s[i]; {
		case p == 0:
			s[i] = uint32(place) + 1 // #nosec G115 -- a message has no 2^32 records
			return true
		case same(int(p) - 1):
			return false
		}
	}
}
