package corefile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// Block is a server block. A field is nil, empty or false without its directive.
type Block struct {
	Pos   Pos
	Keys  []Key
	Binds []Bind // empty: listen on all addresses

	Cache      *Cache
	Forwards   []*Forward // in order: the first that takes a name is asked for it
	Hosts      *Hosts
	Errors     *querylog.Errors
	Log        querylog.Filter
	Prometheus *Prometheus
	IPv4Only   []wire.Name // zones in which AAAA is NODATA, whatever upstream has
	Bufsize    uint16      // the longest reply over UDP, in bytes
	Loop       bool
	Debug      bool

	// Plugins are the names that CoreDNS has in coredns_plugin_enabled for the block's directives,
	// each once.
	Plugins []string
}

// Key is one of a block's zones, in lower case, and the port to serve it on. Port 0 is any free
// port.
type Key struct {
	Zone wire.Name
	Port uint16
}

// zones returns the zones of all keys, each once.
func (b *Block) zones() []wire.Name {
	var zones []wire.Name
	for _, k := range b.Keys {
		zones = appendNew(zones, k.Zone)
	}
	return zones
}

// appendNew appends a name unless it is there.
func appendNew(zones []wire.Name, zone wire.Name) []wire.Name {
	if slices.ContainsFunc(zones, zone.Equal) {
		return zones
	}
	return append(zones, zone)
}

// hasPartOf reports whether the block serves a name of zone.
func (b *Block) hasPartOf(zone wire.Name) bool {
	return slices.ContainsFunc(b.Keys, func(k Key) bool { return k.Zone.Below(zone) || zone.Below(k.Zone) })
}

// forwardOf returns the first forward that takes the name n, nil if there is none.
func (b *Block) forwardOf(n wire.Name) *Forward {
	for _, f := range b.Forwards {
		if n.Below(f.From) && f.takes(n) {
			return f
		}
	}
	return nil
}

// useless notes what has no effect: the whole block if nothing in it answers, and forwards that
// no name gets to.
func (b *Block) useless() (notes []Note) {
	if len(b.Forwards) == 0 && b.Hosts == nil && len(b.IPv4Only) == 0 {
		notes = append(notes, Note{b.Pos, "nothing in the block answers, expected forward or hosts; its names get SERVFAIL"})
	}
	for i, f := range b.Forwards {
		if within := f.within(b); len(within) > 0 && !slices.ContainsFunc(within, f.takes) {
			notes = append(notes, Note{f.Pos, "forward: it is never asked: except has all of its names"})
		}
		if j := slices.IndexFunc(b.Forwards[:i], f.behind); j >= 0 {
			notes = append(notes, Note{f.Pos, "forward: it is never asked: its names go to the forward at " + b.Forwards[j].Pos.String()})
		}
	}
	return notes
}

func (b *Block) addIPv4Only(zones []wire.Name) {
	for _, z := range zones {
		b.IPv4Only = appendNew(b.IPv4Only, z)
	}
}

// served is a zone on a port of an address, and the block that serves it.
type served struct {
	zone  string
	port  uint16
	block *Block
	bind  *Bind // nil: on all addresses
}

// served returns where the block serves a key.
func (b *Block) served(k Key) []served {
	if len(b.Binds) == 0 {
		return []served{{k.Zone.String(), k.Port, b, nil}}
	}
	all := make([]served, len(b.Binds))
	for i := range b.Binds {
		all[i] = served{k.Zone.String(), k.Port, b, &b.Binds[i]}
	}
	return all
}

func (s served) overlaps(o served) bool {
	return s.zone == o.zone && s.port == o.port && (s.bind == nil || o.bind == nil || s.bind.is(*o.bind))
}

// String returns ZONE:PORT, followed by the address unless it is on all.
func (s served) String() string {
	if s.bind == nil {
		return fmt.Sprintf("%s:%d", s.zone, s.port)
	}
	return fmt.Sprintf("%s:%d on %s", s.zone, s.port, *s.bind)
}

// Bind is an address to listen on, or an interface on whose addresses to listen, without those
// of Except.
type Bind struct {
	Pos       Pos
	Addr      netip.Addr // not valid with Interface
	Interface string
	Except    []Bind
}

// String returns the address or the interface's name.
func (b Bind) String() string {
	if b.Interface != "" {
		return b.Interface
	}
	return b.Addr.String()
}

// is reports whether two Binds name the same address or interface.
func (b Bind) is(o Bind) bool { return b.Addr == o.Addr && b.Interface == o.Interface }

func readBind(p *parser, args []string) (err error) {
	p.binds, err = readBinds(p, args)
	return err
}

func bindExcept(p *parser, args []string) (err error) {
	p.except, err = readBinds(p, args)
	return err
}

// finishBind leaves out what is excepted and what an earlier bind of the block has.
func finishBind(p *parser) error {
	for _, b := range p.binds {
		if !slices.ContainsFunc(p.except, b.is) && !slices.ContainsFunc(p.block.Binds, b.is) {
			b.Except = p.except
			p.block.Binds = append(p.block.Binds, b)
		}
	}
	if len(p.block.Binds) == 0 {
		return p.errorf("nothing left to listen on, expected an address that is not in except")
	}
	return nil
}

func readBinds(p *parser, words []string) ([]Bind, error) {
	binds := make([]Bind, len(words))
	for i, w := range words {
		addr, err := netip.ParseAddr(w)
		binds[i] = Bind{Pos: p.here(), Addr: addr.Unmap()}
		switch _, _, withPort := parseAddrPort(w, portDNS); {
		case err == nil && !addr.IsUnspecified() && !isUnicast(addr):
			return nil, p.errorf("%q is not the address of a host, expected an address of this host", w)
		case err == nil && addr.Is6() && addr.IsLinkLocalUnicast() && addr.Zone() == "":
			return nil, p.errorf("%q, expected it with its interface, such as %s%%eth0", w, w)
		case err == nil:
			continue
		case w == "*":
			return nil, p.errorf("%q, expected no bind: without bind, the block listens on all addresses", w)
		case withPort == nil:
			return nil, p.errorf("%q, expected an address without a port: the port stands after the block's zone", w)
		case !maybeInterface(w):
			return nil, p.errorf("%q, expected an IP address or the name of an interface%s", w, hint(w))
		}
		binds[i].Interface = w
	}
	return binds, nil
}

// maxInterface is the length that an interface's name can have in bytes: IFNAMSIZ of linux/if.h,
// less the final 0.
const maxInterface = 15

// maybeInterface reports whether the kernel takes an interface's name (dev_valid_name of
// net/core/dev.c). A name that looks like a mistyped address does not count.
func maybeInterface(name string) bool {
	return name != "" && len(name) <= maxInterface && !strings.ContainsAny(name, "/: \t\r\n") &&
		strings.Trim(name, "0123456789.") != ""
}

// Limits of CoreDNS's bufsize (RFC 6891, section 6.2.5), in bytes.
const (
	minBufsize = wire.MinUDPSize
	maxBufsize = 4096
)

func readBufsize(p *parser, args []string) (err error) {
	size := wire.UDPSize
	if len(args) > 0 {
		size, err = p.number(args[0], minBufsize, maxBufsize)
	}
	p.block.Bufsize = uint16(size)
	return err
}

func readFamily(p *parser, args []string) error {
	if args[0] != "ipv4" {
		return p.unexpected(args...)
	}
	p.block.addIPv4Only(p.block.zones())
	return nil
}

// templateHelp is what to do with a template that does more than answer AAAA with NODATA.
const templateHelp = "expected template IN AAAA [ZONES...] with rcode NOERROR, for which family ipv4 is short; " +
	"keep any other template on the cluster DNS, and here forward the zone there (forward ZONE ADDRESS)"

func readTemplate(p *parser, args []string) error {
	if args[0] != "IN" && args[0] != "ANY" || args[1] != "AAAA" {
		return p.errorf("%s %s: %s", args[0], args[1], templateHelp)
	}
	zones, err := p.zones(args[2:])
	if err == nil {
		p.block.addIPv4Only(zones)
	}
	return err
}

func templateRcode(p *parser, args []string) error {
	if args[0] != "NOERROR" {
		return p.errorf("%q: %s", args[0], templateHelp)
	}
	return nil
}

func templateMatch(p *parser, args []string) error {
	if pattern := strings.Join(args, " "); pattern != ".*" && pattern != "." {
		return p.errorf("%q: %s", pattern, templateHelp)
	}
	return nil
}

func templateAuthority(p *parser, args []string) error {
	record := strings.Join(args, " ")
	if !strings.Contains(record, " SOA ") {
		return p.errorf("%q: %s", record, templateHelp)
	}
	p.meaningless("the answer has no SOA record")
	return nil
}

func templateLine(p *parser, words []string) error {
	return p.errorf("%q: %s", strings.Join(words, " "), templateHelp)
}
