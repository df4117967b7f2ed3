package hosts

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

const (
	maxField  = 1024 // bytes of an address or a name: CoreDNS's limit, which also a name all escaped keeps
	maxFaults = 100  // that Parse returns
)

// Parse reads the text of a hosts file: an address and names on each line, what is behind a #
// left out. A line without a good address is skipped, and so is a name that is none; either is
// a Fault, of which the first 100 are returned. A name outside the zones is skipped silently.
// The name is that of the source, for the Faults.
func Parse(name string, text []byte, o Options) (*Table, []Fault) {
	p := parser{file: name, opts: o, table: &Table{zones: o.Zones}, seen: map[entry]struct{}{}}
	p.part = part{hosts: map[string]addrs{}, names: map[netip.Addr][]wire.Name{}}
	for line := range bytes.Lines(text) {
		p.line++
		p.read(string(line))
	}
	p.table.parts = []*part{&p.part}
	return p.table, p.faults
}

// parser is what is known halfway through a source.
type parser struct {
	file   string
	opts   Options
	table  *Table
	part   part
	seen   map[entry]struct{} // so that nothing is there twice
	line   int
	faults []Fault
}

// entry is one address of one name.
type entry struct {
	name string
	addr netip.Addr
}

// read takes one line, as hosts(5) describes it.
func (p *parser) read(line string) {
	line, _, _ = strings.Cut(line, "#")
	fields := strings.FieldsFunc(line, isSpace)
	if len(fields) == 0 {
		return
	}
	addr, ok := parseAddr(fields[0])
	if !ok {
		p.fault(fields[0], "not an IP address; the line is skipped")
		return
	}
	for _, field := range fields[1:] {
		p.add(field, addr)
	}
}

// isSpace is CoreDNS's idea of white space.
func isSpace(c rune) bool {
	switch c {
	case ' ', '\t', '\n', '\v', '\f', '\r':
		return true
	}
	return false
}

// parseAddr reads an address, whose zone means nothing to others and is left out. An IPv4
// address in the form of IPv6 is one of IPv4.
func parseAddr(field string) (netip.Addr, bool) {
	if len(field) > maxField {
		return netip.Addr{}, false
	}
	field, _, _ = strings.Cut(field, "%")
	addr, err := netip.ParseAddr(field)
	return addr.Unmap(), err == nil
}

// add takes one name of an address.
func (p *parser) add(field string, addr netip.Addr) {
	if len(field) > maxField {
		p.fault(field, "longer than a domain name can be; the name is skipped")
		return
	}
	n, err := wire.ParseName(field)
	if err != nil {
		p.fault(field, "not a domain name: a label is empty or longer than 63 bytes, or all of it than 255; the name is skipped")
		return
	}
	n = n.AppendLower(n[:0])
	if !p.table.holds(n) {
		return
	}
	p.enter(n, addr)
}

// enter makes an entry, and one of the address's name where that is no wildcard.
func (p *parser) enter(n wire.Name, addr netip.Addr) {
	wild := string(n.Label()) == "*"
	reverse := !wild && !p.opts.NoReverse
	p.part.wild = p.part.wild || wild
	p.part.entries++
	if reverse {
		p.part.entries++
	}
	e := entry{string(n), addr}
	if _, there := p.seen[e]; there {
		return
	}
	p.seen[e] = struct{}{}
	p.part.add(e)
	if reverse {
		p.part.names[addr] = append(p.part.names[addr], n)
	}
}

func (p *part) add(e entry) {
	host := p.hosts[e.name]
	if e.addr.Is4() {
		host.v4 = append(host.v4, e.addr)
	} else {
		host.v6 = append(host.v6, e.addr)
	}
	p.hosts[e.name] = host
}
