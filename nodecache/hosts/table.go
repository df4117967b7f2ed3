package hosts

import (
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/wire"
)

// Options say what a Table has of its source.
type Options struct {
	Zones     []wire.Name // names below these only; none for all names
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
	wild    bool // a wildcard is among the names
	entries int
}

// addrs are the addresses of a name, by family.
type addrs struct{ v4, v6 []netip.Addr }

// of returns the addresses that records of type t have, none for a type without.
func (a addrs) of(t wire.Type) []netip.Addr {
	switch t {
	case wire.A:
		return a.v4
	case wire.AAAA:
		return a.v6
	}
	return nil
}

// With returns a Table of t's zones with the entries of both, t's first. What o's wildcards say of
// a name that t has is added too, as CoreDNS does with inline entries.
func (t *Table) With(o *Table) *Table {
	parts := slices.Concat(t.parts, o.parts)
	return &Table{t.zones, slices.DeleteFunc(parts, func(p *part) bool { return p.entries == 0 })}
}

// Entries returns how many entries t has as CoreDNS counts them for coredns_hosts_entries: an
// address of a name is one, and the name of the address another.
func (t *Table) Entries() (n int) {
	for _, p := range t.parts {
		n += p.entries
	}
	return n
}

// holds reports whether n is in one of t's zones.
func (t *Table) holds(n wire.Name) bool {
	return len(t.zones) == 0 || slices.ContainsFunc(t.zones, n.Below)
}

// keys are what a name may be found under: its own, and that of a wildcard, or none.
type keys struct{ exact, wild []byte }

// keysOf returns the keys of n, in buffers of a name's size. A wildcard stands for one label
// more than its own has behind it, and only one (CoreDNS's rule, not that of RFC 4592); there
// is none at the root.
func keysOf(n wire.Name, exact, wild []byte) keys {
	exact = n.AppendLower(exact)
	if parent := wire.Name(exact).Parent(); len(parent) > 1 {
		wild = append(append(wild, 1, '*'), parent...)
	}
	return keys{exact, wild}
}

// find returns the addresses of a name. A wildcard's count for a family of which the name
// itself has none.
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

// knows reports whether there is an address of any family.
func (t *Table) knows(k keys) bool {
	return slices.ContainsFunc(t.parts, func(p *part) bool {
		found := p.find(k)
		return found.v4 != nil || found.v6 != nil
	})
}
