package corefile

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coredns/caddy/caddyfile"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

// parser reads one directive of the current block, as its row in the table says. The Dispenser
// stands at the word that is being read, and errors name the line of that word.
type parser struct {
	*caddyfile.Dispenser
	*builder
	tokens []caddyfile.Token
	row    *directive
	option *option        // whose line is being read, or nil
	lines  map[string]int // the options read so far, and the last line of each

	// What the directive says, while options can still change it. Otherwise it is in the Block
	// or the Config at once.
	binds, except []Bind
	forward       *draft
	rules         querylog.Filter
}

func newParser(b *builder, tokens []caddyfile.Token) *parser {
	d := caddyfile.NewDispenserTokens(tokens[0].File, tokens)
	d.Next()
	return &parser{Dispenser: &d, builder: b, tokens: tokens, lines: map[string]int{}}
}

// name returns the directive's name.
func (p *parser) name() string { return p.tokens[0].Text }

// pos returns where the directive begins.
func (p *parser) pos() Pos { return Pos{p.tokens[0].File, p.tokens[0].Line} }

// here returns the place of the word that is being read.
func (p *parser) here() Pos { return Pos{p.File(), p.Line()} }

// subject returns the directive, and the option whose line is being read.
func (p *parser) subject() string {
	if p.option != nil {
		return p.name() + ": " + p.option.name
	}
	return p.name()
}

// errorf returns an error about the line that is being read.
func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s: %s", p.here(), p.subject(), fmt.Sprintf(format, args...))
}

// unexpected returns the error for words in place of the arguments of the line that is being read.
func (p *parser) unexpected(words ...string) error {
	return p.errorf("%q, expected %s", strings.Join(words, " "), p.usage())
}

// usage returns what the line that is being read should look like.
func (p *parser) usage() string {
	if p.option != nil {
		return strings.TrimSpace(p.option.name + " " + p.option.usage)
	}
	return strings.TrimSpace(p.row.name + " " + p.row.usage)
}

// meaningless notes that the line that is being read has no meaning here, and why.
func (p *parser) meaningless(why string) {
	p.conf.Notes = append(p.conf.Notes, Note{p.here(), p.subject() + " has no meaning here: " + why})
}

// remark notes what is worth knowing about the line that is being read.
func (p *parser) remark(format string, args ...any) {
	p.conf.Notes = append(p.conf.Notes, Note{p.here(), p.name() + ": " + fmt.Sprintf(format, args...)})
}

// parse reads the directive to its end.
func (p *parser) parse() error {
	for _, t := range p.tokens {
		if err := cmp.Or(p.opts.unfilled(t.Text), glued(t.Text)); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", t.File, t.Line, p.name(), err)
		}
	}
	if p.row = findDirective(p.name()); p.row == nil {
		return p.unknownDirective()
	}
	if err := p.checkOften(); err != nil {
		return err
	}
	if p.row.ignored != "" {
		p.meaningless(p.row.ignored)
		return nil
	}
	args, err := p.args(p.row.min, p.row.max)
	if err == nil {
		err = p.row.read(p, args)
	}
	if err == nil && p.row.takesBlock() {
		err = p.readBlock()
	}
	if err == nil && p.row.finish != nil {
		err = p.row.finish(p)
	}
	if err == nil {
		err = p.checkEnd()
	}
	return err
}

// checkOften finds a directive that stands more often than it may.
func (p *parser) checkOften() error {
	block, inBlock := p.inBlock[p.row.name]
	process, inProcess := p.inProcess[p.row.name]
	switch {
	case inBlock && p.row.often == perBlock:
		return p.errorf("the block already has it at %s, expected it once", block)
	case inProcess && p.row.often == perProcess:
		return p.errorf("the Corefile already has it at %s, expected it once", process)
	}
	p.inBlock[p.row.name], p.inProcess[p.row.name] = p.pos(), p.pos()
	return nil
}

// args reads the words up to { or the end of the line, and checks how many there are.
func (p *parser) args(least, most int) ([]string, error) {
	args := p.RemainingArgs()
	if slices.Contains(args, "}") {
		return nil, p.errorf("} at the end of a line, expected it on a line of its own")
	}
	if len(args) < least || len(args) > most {
		plural := "s"
		if len(args) == 1 {
			plural = ""
		}
		return nil, p.errorf("%d argument%s, expected %s", len(args), plural, p.usage())
	}
	return args, nil
}

// readBlock reads the lines within { }, if there are any.
func (p *parser) readBlock() error {
	for p.NextBlock() {
		if p.option = p.row.option(p.Val()); p.option == nil {
			if err := p.readLine(); err != nil {
				return err
			}
		} else if err := p.readOption(); err != nil {
			return err
		}
		p.option = nil
	}
	return nil
}

// readLine reads a line that begins with no option.
func (p *parser) readLine() error {
	if p.row.line == nil {
		return p.unknownOption()
	}
	first := p.Val()
	args, err := p.args(0, many)
	if err != nil {
		return err
	}
	return p.row.line(p, append([]string{first}, args...))
}

// readOption reads the line of an option.
func (p *parser) readOption() error {
	if line := p.lines[p.option.name]; line > 0 && !p.option.again {
		p.remark("%s already stands at line %d, and only the last one counts", p.option.name, line)
	}
	p.lines[p.option.name] = p.Line()
	if p.option.refused != "" {
		return p.errorf("%s", p.option.refused)
	}
	args, err := p.args(p.option.min, p.option.max)
	if err != nil {
		return err
	}
	if p.option.ignored != "" {
		p.meaningless(p.option.ignored)
		return nil
	}
	return p.option.read(p, args)
}

// checkEnd finds words after the directive's end.
func (p *parser) checkEnd() error {
	switch {
	case !p.Next():
		return nil
	case p.Val() == "{" && p.Line() > p.tokens[0].Line:
		return p.errorf("{ at the beginning of a line, expected it at the end of the line before")
	case p.Val() == "{":
		return p.errorf("it has no options, expected no {")
	}
	return p.errorf("%q after the end, expected a line of its own", p.Val())
}

// differences returns what the directive does here and not in CoreDNS 1.15.0, for those who
// come from there.
func (p *parser) differences() (all []string) {
	for _, o := range p.row.options {
		if _, stands := p.lines[o.name]; !stands && o.differs != "" {
			all = append(all, o.differs)
		}
	}
	return append(all, p.row.differs...)
}

// maxTTL is the longest TTL there is, in seconds (RFC 2181, section 8).
const maxTTL = math.MaxInt32

// number reads a whole number from least to most.
func (p *parser) number(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, p.errorf("%q, expected a whole number from %d to %d", text, least, most)
	}
	return n, nil
}

// duration reads a duration of at least least.
func (p *parser) duration(text string, least time.Duration) (time.Duration, error) {
	v, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, p.errorf("%q, expected a duration such as 500ms, 30s or 1h", text)
	case v < least && least == aboveZero:
		return 0, p.errorf("%s, expected a duration above 0s", text)
	case v < least:
		return 0, p.errorf("%s, expected a duration of at least %s", text, least)
	}
	return v, nil
}

// short returns a duration without the zeros that time.Duration writes at its end.
func short(d time.Duration) string {
	text := d.String()
	if whole, found := strings.CutSuffix(text, "m0s"); found {
		text = whole + "m"
	}
	if whole, found := strings.CutSuffix(text, "h0m"); found {
		text = whole + "h"
	}
	return text
}

// listenAddr reads an address for an HTTP server to listen on: [HOST]:PORT.
func (p *parser) listenAddr(text string) (string, error) {
	if !IsListenAddr(text) {
		return "", p.errorf("%q, expected an address such as :8080 or 127.0.0.1:8080", text)
	}
	return text, nil
}

// IsListenAddr reports whether an HTTP server can listen on text: a colon and a port, with or
// without an IP address or a host's name before them.
func IsListenAddr(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	labels := strings.Split(host, ".")
	_, noAddr := netip.ParseAddr(host)
	return err == nil && (noAddr == nil || !isNumber(labels[len(labels)-1]))
}

// addr reads an IP address.
func (p *parser) addr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return a, p.errorf("%q, expected an IP address", text)
	}
	return a.Unmap(), nil
}

// zones reads names of zones and networks. Without words, it returns the block's zones.
func (p *parser) zones(words []string) ([]wire.Name, error) {
	if len(words) == 0 {
		return p.block.zones(), nil
	}
	var all []wire.Name
	for _, w := range words {
		if !isZone(w) {
			return nil, p.errorf("%q, expected a zone such as example.com or a network such as 10.0.0.0/8, or nothing for the block's zones", w)
		}
		zones, err := parseZone(w)
		if err != nil {
			return nil, p.errorf("%v", err)
		}
		all = append(all, zones...)
		if len(p.block.Keys) > 0 && !slices.ContainsFunc(zones, p.block.hasPartOf) { // a block without keys has had its error
			p.remark("the block serves no name below %s", w)
		}
	}
	return all, nil
}

// isZone reports whether a word can stand for a zone, and is not meant as something else.
func isZone(word string) bool {
	_, err := strconv.ParseFloat(word, 64) // which takes inf and 1e5 too
	number := err == nil && strings.Trim(word, "0123456789.") == ""
	return !number && !isDuration(word) && !slices.Contains(strings.Fields(noZones), strings.ToLower(word))
}

// noZones are words that people write where zones are expected, but mean as a value. "no" is not
// one of them: it is Norway's.
const noZones = "on off yes true false stdout stderr success denial error all"

func isDuration(word string) bool {
	_, err := time.ParseDuration(word)
	return err == nil
}

func isNumber(word string) bool {
	_, err := strconv.Atoi(word)
	return err == nil
}
