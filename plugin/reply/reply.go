package reply

import (
	"hash/maphash"
	"net/netip"
	"unsafe"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// Reply is what a reply to one question holds. Its slices and Name.Label are its own memory, which the
// next Answer overwrites; its other strings are the question's and the store's. The zero value is ready
// for use. It must not be copied once it was used.
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
	labels     []byte
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
	a.Addrs, a.Names, a.Ports, r.Extra, r.labels = a.Addrs[:0], a.Names[:0], a.Ports[:0], r.Extra[:0], r.labels[:0]
}

// Name is the name of a Service, of one of its endpoints, or of a zone's server: ns.dns.
type Name struct {
	zone.Key        // the Service; empty for ns.dns
	Label    string // the endpoint's, if the name is an endpoint's
	Cluster  string // between the endpoint and the Service; may be empty
}

// label returns an endpoint's label: its host name, or its address with dashes.
func (r *Reply) label(host string, addr netip.Addr) string {
	if host != "" {
		return host
	}
	start := len(r.labels)
	r.labels = zone.AppendDashed(r.labels, addr)
	b := r.labels[start:] // stays as it is until the next Answer, also if labels moves
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// AppendTo appends the name as text, fully qualified.
func (n *Name) AppendTo(dst []byte, origin string) []byte {
	if n.Label != "" {
		dst = append(append(dst, n.Label...), '.')
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

// Length returns how many bytes the name takes in a message, in a zone whose name takes origin.
func (n *Name) Length(origin int) int {
	if n.Key == (zone.Key{}) {
		return len(NameServerLabels) + origin
	}
	length := n.NameLength(origin)
	if n.Label != "" {
		length += 1 + len(n.Label)
		if n.Cluster != "" {
			length += 1 + len(n.Cluster)
		}
	}
	return length
}

// fits reports whether a message can hold the name.
func (n *Name) fits(origin int) bool { return n.Length(origin) <= zone.MaxName }

// hash returns the same number for names of one Service that are the same.
func (n *Name) hash(seed maphash.Seed) (h uint64) {
	if n.Label == "" {
		return 0
	}
	h = maphash.String(seed, n.Label)
	if n.Cluster != "" {
		h ^= maphash.String(seed, n.Cluster)
	}
	return h
}
