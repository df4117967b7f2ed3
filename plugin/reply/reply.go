package reply

import (
	"hash/maphash"
	"net/netip"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// Reply is what a reply to one question holds. Its slices are its own memory, which the next
// Answer overwrites; its strings are the question's and the store's. The zero value is ready for
// use. It must not be copied once it was used.
type Reply struct {
	Rcode     wire.Rcode
	PassOn    bool // the name does not exist, and the block passes such questions on (fallthrough)
	Truncated bool // there are more records than the reply has room for

	// Answer is the answer section: records at the question's name.
	Answer Records
	// Follow says that Answer is an alias, and that the records of its target belong behind it
	// (RFC 1034, section 3.6.2).
	Follow bool
	// SOA is the authority section if Answer is empty, unless PassOn is set: it says how long
	// the reply may be kept (RFC 2308, section 3). Otherwise it means nothing.
	SOA SOA
	// Extra is the additional section: addresses of what Answer points to.
	Extra []Extra
	// Error is an extended error (RFC 8914): why there are no records, or what is to be known of those
	// there are. Its text is r's own memory, or that of Responder.Notice.
	Error wire.Error

	seed       maphash.Seed
	seenNames  seen // places in Answer.Names
	seenExtras seen // places in Extra
	why        text // of Error
}

// Records are the records of one type at one name. Only the fields that Type has need of mean
// anything.
type Records struct {
	Type wire.Type // 0 if there are none
	TTL  uint32    // seconds

	Addrs  []netip.Addr // of A and AAAA
	Names  []Name       // what NS, PTR and SRV point to
	Origin string       // of Names: the zone that they stand in
	Ports  []uint16     // of SRV, one for each of Names
	Weight uint16       // of SRV, the same for each
	Target string       // of CNAME; it may lack the dot at its end
	Text   string       // of TXT
	SOA    SOA
}

// Extra is an A or AAAA record of the additional section. Its TTL is that of Answer.
type Extra struct {
	Name int // its owner: a place in Answer.Names
	Addr netip.Addr
}

// SOA is a zone's SOA record (RFC 1035, section 3.3.13). All times are in seconds.
type SOA struct {
	Origin string // the zone's name, in the question's letter case
	TTL    uint32

	Serial, Refresh, Retry, Expire, Minimum uint32

	zone *Zone
}

// MName is the name of the zone's primary server. It allocates only if Origin has capitals.
func (s *SOA) MName() string { return s.join(s.zone.mname, NameServerLabels) }

// RName is the mailbox of the zone's keeper. It allocates only if Origin has capitals.
func (s *SOA) RName() string { return s.join(s.zone.rname, MailboxLabels) }

func (s *SOA) join(lower, labels string) string {
	if s.Origin == s.zone.Name {
		return lower
	}
	return Join(labels, s.Origin)
}

// reset empties r, and keeps its memory. It leaves alone what Answer.Type makes meaningless: a
// pointer written to memory costs more than a number while the garbage collector is at work.
func (r *Reply) reset(ttl uint32) {
	r.Rcode, r.PassOn, r.Truncated, r.Follow, r.Error.Set = wire.NoError, false, false, false, false
	a := &r.Answer
	a.Type, a.TTL = 0, ttl
	a.Addrs, a.Names, a.Ports, r.Extra = a.Addrs[:0], a.Names[:0], a.Ports[:0], r.Extra[:0]
}

// Name is the name of a Service, of one of its endpoints, or of a zone's server: ns.dns.
type Name struct {
	zone.Key      // the Service; empty for ns.dns
	Endpoint bool // the name is an endpoint's, by its
	Host     string
	Addr     netip.Addr // written with dashes, if Host is empty
	Cluster  string     // between the endpoint and the Service; may be empty
}

// endpointName is the name of an endpoint of a Service.
func endpointName(service zone.Key, cluster, host string, addr netip.Addr) Name {
	n := Name{Key: service, Endpoint: true, Host: host, Cluster: cluster}
	if host == "" {
		n.Addr = addr
	}
	return n
}

// appendLabel appends an endpoint's label.
func (n *Name) appendLabel(dst []byte) []byte {
	if n.Host != "" {
		return append(dst, n.Host...)
	}
	return zone.AppendDashed(dst, n.Addr)
}

// AppendTo appends the name as text, fully qualified.
func (n *Name) AppendTo(dst []byte, origin string) []byte {
	if n.Endpoint {
		dst = append(n.appendLabel(dst), '.')
		if n.Cluster != "" {
			dst = append(append(dst, n.Cluster...), '.')
		}
	}
	if n.Key == (zone.Key{}) {
		dst = append(dst, NameServerLabels...)
	} else {
		dst = append(append(dst, n.Key.Name...), '.')
		dst = append(append(dst, n.Namespace...), ".svc."...)
	}
	if origin == "." {
		return dst
	}
	return append(dst, origin...)
}

// length returns how many bytes the name takes in a message, in a zone whose name takes origin.
func (n *Name) length(origin int) int {
	if n.Key == (zone.Key{}) {
		return len(NameServerLabels) + origin
	}
	length := n.NameLength(origin)
	if n.Endpoint {
		var buf [labelRoom]byte
		length += 1 + len(n.appendLabel(buf[:0]))
		if n.Cluster != "" {
			length += 1 + len(n.Cluster)
		}
	}
	return length
}

// labelRoom is how many bytes the longest label takes in a message.
const labelRoom = 64

// fits reports whether a message can hold the name. It looks at an endpoint's label only where the
// longest one would be too long.
func (n *Name) fits(origin int) bool {
	if n.Endpoint && n.NameLength(origin)+labelRoom+1+len(n.Cluster) <= zone.MaxName {
		return true
	}
	return n.length(origin) <= zone.MaxName
}

// same reports whether two names are spelled the same, in one zone.
func (n *Name) same(o *Name) bool {
	if n.Name != o.Name || n.Namespace != o.Namespace || n.Endpoint != o.Endpoint || n.Cluster != o.Cluster {
		return false
	}
	if n.Host == o.Host {
		return n.Addr == o.Addr
	}
	if n.Host != "" && o.Host != "" {
		return false
	}
	var a, b [labelRoom]byte // a host name that looks like an address
	return string(n.appendLabel(a[:0])) == string(o.appendLabel(b[:0]))
}

// hash returns the same number for names of one Service that are the same.
func (n *Name) hash(seed maphash.Seed) (h uint64) {
	if !n.Endpoint {
		return 0
	}
	if n.Host != "" {
		h = maphash.String(seed, n.Host)
	} else {
		var buf [labelRoom]byte
		h = maphash.Bytes(seed, n.appendLabel(buf[:0]))
	}
	if n.Cluster != "" {
		h ^= maphash.String(seed, n.Cluster)
	}
	return h
}
