package hosts

import (
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/wire"
)

// Options say which entries of its source a Table has.
type Options struct {
	Zones     []wire.Name // only names in these; empty: all names
	NoReverse bool        // no names of addresses; `no_reverse`
}

// Table is what hosts files say. It never changes.
type Table struct {
	zones []wire.Name
	parts []*part
}

// part is what one source says.
type part struct {
	hosts   map[string]addrs // by name in wire form, in lower case
	names   map[netip.Addr][]wire.Name
	wild    bool // one of the names is a wildcard
	entries int
}

// addrs are the addresses of a name, by family.
type addrs struct{ v4, v6 []netip.Addr }

// of returns the addresses for records of type t: none if its records have no address.
func (a addrs) of(t wire.Type) []netip.Addr {
	switch t {
	case wire.A:
		return a.v4
	case wire.AAAA:
		return a.v6
	}
	return nil
}

// With returns a Table of t's zones with the entries of both, t's first. If t has a name and one of
// o's wildcards covers it, the wildcard's addresses are added, as CoreDNS does for inline entries.
func (t *Table) With(o *Table) *Table {
	parts := slices.Concat(t.parts, o.parts)
	return &Table{t.zones, slices.DeleteFunc(parts, func(p *part) bool { return p.entries == 0 })}
}

// Entries returns how many entries t has, as CoreDNS counts them for coredns_hosts_entries: an
// address of a name is one entry, and the name of that address is another.
func (t *Table) Entries() (n int) {
	for _, p := range t.parts {
		n += p.entries
	}
	return n
}

// State says what Append found.
type State uint8

// The outcomes of a lookup, and what the caller does to follow CoreDNS.
const (
	// Elsewhere: the table does not answer such a query. Its name is outside the zones, or it asks
	// for the names of an address that has none, or its class is not IN. It goes on, whatever
	// `fallthrough` says.
	Elsewhere State = iota
	// Absent: the name has no address. The query goes on if `fallthrough` covers the name.
	// Otherwise the answer is SERVFAIL, because there is no SOA record for an NXDOMAIN.
	Absent
	// Answered: a reply was appended. It has no records if the name has addresses of the other
	// family only.
	Answered
	// Unsupported: a reply without records was appended. The name has addresses, but the type is
	// not A, AAAA or PTR. If `fallthrough` covers the name and there is
	// `fallthrough_unsupported`, the caller drops the reply and the query goes on.
	Unsupported
)

// Append appends the reply to q if t knows q's name. The reply is authoritative, has no OPT record,
// repeats the letter case of the question, and its records have a TTL of ttl seconds. It may be
// longer than a message can be: wire.CloseReply then sees that something is missing. For Elsewhere
// and Absent, Append returns dst.
func (t *Table) Append(dst []byte, q *wire.Query, ttl uint32) (reply []byte, state State) {
	switch {
	case q.Class != wire.IN:
		return dst, Elsewhere
	case q.Type == wire.PTR:
		return t.appendReverse(dst, q, ttl)
	case !t.holds(q.Name):
		return dst, Elsewhere
	}
	var exact, wild [wire.MaxName]byte
	k := keysOf(q.Name, exact[:0], wild[:0])
	if !t.knows(k) {
		return dst, Absent
	}
	dst = t.appendForward(dst, q, k, ttl)
	if q.Type != wire.A && q.Type != wire.AAAA {
		return dst, Unsupported
	}
	return dst, Answered
}

// appendForward appends a reply with the addresses of the type asked for.
func (t *Table) appendForward(dst []byte, q *wire.Query, k keys, ttl uint32) []byte {
	start := len(dst)
	dst = wire.AppendHeader(dst, q, wire.NoError, wire.AA|wire.RA)
	for i, p := range t.parts {
		for _, addr := range p.find(k).of(q.Type) {
			if t.gave(i, q.Type, k, addr) {
				continue
			}
			if full(dst, start) {
				return dst
			}
			data := addr.As16()
			dst = wire.AppendRecord(dst, start, wire.Answer, nil, q.Type, wire.IN, ttl, data[16-addr.BitLen()/8:])
		}
	}
	return dst
}

// gave reports whether one of the first i parts also has the address.
func (t *Table) gave(i int, rtype wire.Type, k keys, addr netip.Addr) bool {
	for _, p := range t.parts[:i] {
		if slices.Contains(p.find(k).of(rtype), addr) {
			return true
		}
	}
	return false
}

// appendReverse appends a reply with the names of the address that q's name stands for.
func (t *Table) appendReverse(dst []byte, q *wire.Query, ttl uint32) ([]byte, State) {
	addr, ok := addrOf(q.Name)
	if !ok || !t.named(addr) {
		return dst, Elsewhere
	}
	start := len(dst)
	dst = wire.AppendHeader(dst, q, wire.NoError, wire.AA|wire.RA)
	for i, p := range t.parts {
		for _, n := range p.names[addr] {
			if t.gaveName(i, addr, n) {
				continue
			}
			if full(dst, start) {
				return dst, Answered
			}
			dst = wire.AppendRecord(dst, start, wire.Answer, nil, wire.PTR, wire.IN, ttl, n)
		}
	}
	return dst, Answered
}

// gaveName reports whether one of the first i parts also has the name.
func (t *Table) gaveName(i int, addr netip.Addr, n wire.Name) bool {
	for _, p := range t.parts[:i] {
		if slices.ContainsFunc(p.names[addr], n.Equal) {
			return true
		}
	}
	return false
}

// named reports whether addr has a name.
func (t *Table) named(addr netip.Addr) bool {
	return slices.ContainsFunc(t.parts, func(p *part) bool { return len(p.names[addr]) > 0 })
}

// holds reports whether n is in one of t's zones.
func (t *Table) holds(n wire.Name) bool {
	return len(t.zones) == 0 || slices.ContainsFunc(t.zones, n.Below)
}

// knows reports whether the name has an address of any family.
func (t *Table) knows(k keys) bool {
	return slices.ContainsFunc(t.parts, func(p *part) bool {
		found := p.find(k)
		return found.v4 != nil || found.v6 != nil
	})
}

// find returns the addresses of a name. If the name itself has none of a family, the wildcard's
// count.
func (p *part) find(k keys) addrs {
	found := p.hosts[string(k.exact)]
	if p.wild && (found.v4 == nil || found.v6 == nil) {
		wild := p.hosts[string(k.wild)]
		if found.v4 == nil {
			found.v4 = wild.v4
		}
		if found.v6 == nil {
			found.v6 = wild.v6
		}
	}
	return found
}

// keys are what to look for to find a name: the name itself, and the wildcard that covers it, or
// nil if none can.
type keys struct{ exact, wild []byte }

// keysOf returns the keys of n, in buffers that hold a name each. A wildcard stands for exactly one
// label. That is CoreDNS's rule and not RFC 4592's. There is no wildcard at the root.
func keysOf(n wire.Name, exact, wild []byte) keys {
	exact = n.AppendLower(exact)
	if parent := wire.Name(exact).Parent(); len(parent) > 1 {
		wild = append(append(wild, 1, '*'), parent...)
	}
	return keys{exact, wild}
}

// full reports whether the message at start is too long to be sent whole.
func full(dst []byte, start int) bool { return len(dst)-start > wire.MaxMessage }
