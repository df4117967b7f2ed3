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

// part is what one source says. The keys of names are in wire form and in lower case.
type part struct {
	v4, v6  map[string][]netip.Addr
	names   map[netip.Addr][]wire.Name
	entries int
}

// With returns a Table of t's zones with the entries of both, t's first. A name that t has
// stands beside what o's wildcards say of it, as one of an inline entry does in CoreDNS.
func (t *Table) With(o *Table) *Table {
	return &Table{t.zones, slices.Concat(t.parts, o.parts)}
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

// family returns the addresses that records of type t have, none for a type without.
func (p *part) family(t wire.Type) map[string][]netip.Addr {
	switch t {
	case wire.A:
		return p.v4
	case wire.AAAA:
		return p.v6
	}
	return nil
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

// find returns the addresses of one family. A wildcard counts where the name itself has none.
func (k keys) find(family map[string][]netip.Addr) []netip.Addr {
	if list, ok := family[string(k.exact)]; ok {
		return list
	}
	return family[string(k.wild)]
}

// knows reports whether there is an address of any family.
func (t *Table) knows(k keys) bool {
	for _, p := range t.parts {
		if k.find(p.v4) != nil || k.find(p.v6) != nil {
			return true
		}
	}
	return false
}
