package hosts

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

const (
	maxField  = 1024 // bytes of an address or a name: CoreDNS's limit, and enough for a name with every byte escaped
	maxFaults = 100  // Parse returns no more
	maxText   = 64   // bytes of the text in a Fault
)

// Fault is something in a hosts file that was skipped. It is an error.
type Fault struct {
	File   string
	Line   int    // from 1
	Text   string // what is wrong, its first 64 bytes
	Reason string
}

// Error returns file, line, text and reason.
func (f Fault) Error() string {
	return f.File + ":" + strconv.Itoa(f.Line) + ": " + strconv.Quote(f.Text) + ": " + f.Reason
}

// Parse reads the text of a hosts file. Each line has an address and names, and a # begins a
// comment. Parse skips lines without a valid address, and words that are no name. It returns a
// Fault for each, up to 100. Names outside the zones are skipped without a Fault. Each Fault
// contains name, which is the name of the source.
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

// parser reads one source.
type parser struct {
	file   string
	opts   Options
	table  *Table
	part   part
	seen   map[entry]struct{} // the entries so far, so that none gets into the table twice
	line   int
	faults []Fault
}

// entry is one address of one name.
type entry struct {
	name string
	addr netip.Addr
}

// read reads one line, as hosts(5) describes it.
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

// isSpace reports whether CoreDNS takes a character for white space.
func isSpace(c rune) bool {
	switch c {
	case ' ', '\t', '\n', '\v', '\f', '\r':
		return true
	}
	return false
}

// parseAddr reads an address. It leaves out the zone, which means nothing on other hosts. An
// IPv4-mapped IPv6 address counts as IPv4.
func parseAddr(field string) (netip.Addr, bool) {
	if len(field) > maxField {
		return netip.Addr{}, false
	}
	field, _, _ = strings.Cut(field, "%")
	addr, err := netip.ParseAddr(field)
	return addr.Unmap(), err == nil
}

// add reads one name of an address.
func (p *parser) add(field string, addr netip.Addr) {
	if len(field) > maxField {
		p.fault(field, "longer than a domain name can be; the name is skipped")
		return
	}
	n, err := wire.ParseName(field)
	if err != nil {
		p.fault(field, "not a domain name: a label is empty or longer than 63 bytes, or the name is longer than 255 bytes; the name is skipped")
		return
	}
	n = n.AppendLower(n[:0])
	if !p.table.holds(n) {
		return
	}
	p.enter(n, addr)
}

// enter makes an entry for the name, and another for the address unless the name is a wildcard.
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

// fault adds a Fault about the current line, unless there are enough.
func (p *parser) fault(text, reason string) {
	if len(p.faults) == maxFaults {
		return
	}
	p.faults = append(p.faults, Fault{p.file, p.line, text[:min(len(text), maxText)], reason})
}
