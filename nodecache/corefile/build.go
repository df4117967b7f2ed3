package corefile

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// builder makes a Config from stanzas.
type builder struct {
	opts  *Options
	conf  *Config
	sum   hash.Hash
	wrong []error // all that is
	block *Block
	once  map[string]Pos // where the block has directives that it may have once
}

// build reads all stanzas. What is wrong does not keep it from reading on.
func (b *builder) build(name string, stanzas []stanza) {
	if len(stanzas) == 0 {
		b.failed(fmt.Errorf("%s: no server block, expected one of three lines or more: \".:53 {\", \"forward . /etc/resolv.conf\" and \"}\"", name))
	}
	b.sum = sha256.New()
	for _, s := range stanzas {
		b.stanza(s)
	}
	b.sum.Sum(b.conf.Sum[:0])
	if len(b.wrong) == 0 {
		b.failed(b.conf.checkOverlap())
	}
}

// failed notes an error, if there is one.
func (b *builder) failed(err error) {
	if err != nil {
		b.wrong = append(b.wrong, err)
	}
}

func (b *builder) stanza(s stanza) {
	b.block, b.once = &Block{Pos: Pos{s.keys[0].File, s.keys[0].Line}}, map[string]Pos{}
	b.conf.Blocks = append(b.conf.Blocks, b.block)
	b.addSum(s.keys)
	if b.wrong = append(b.wrong, s.wrong...); len(s.wrong) > 0 {
		return // what its keys and directives are is in doubt
	}
	for _, k := range s.keys {
		keys, err := b.opts.parseKey(k.Text)
		if err != nil {
			b.failed(fmt.Errorf("%s:%d: %w", k.File, k.Line, err))
		}
		b.block.Keys = append(b.block.Keys, keys...)
	}
	for _, tokens := range s.directives {
		b.addSum(tokens)
		d := newDirective(b, tokens)
		if err := b.directive(d); err != nil {
			b.failed(err)
			continue
		}
		for _, text := range d.differences() {
			b.conf.Differences = append(b.conf.Differences, Note{d.pos(), d.name + ": " + text})
		}
	}
	if len(b.wrong) == 0 {
		b.conf.Notes = append(b.conf.Notes, b.block.unasked()...)
	}
}

// addSum adds words and where their lines begin to the sum.
func (b *builder) addSum(tokens []caddyfile.Token) {
	for i, t := range tokens {
		newLine := i > 0 && t.Line != tokens[i-1].Line
		fmt.Fprintf(b.sum, "%q %t ", t.Text, newLine)
	}
	fmt.Fprintln(b.sum)
}

// directive reads one directive of the current block.
func (b *builder) directive(d *directive) error {
	for _, arg := range d.tokens {
		if err := cmp.Or(b.opts.unfilled(arg.Text), glued(arg.Text)); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", arg.File, arg.Line, d.name, err)
		}
	}
	if err := d.checkOnce(); err != nil {
		return err
	}
	read := d.reader()
	if read == nil {
		return d.unknown()
	}
	if err := read(); err != nil {
		return err
	}
	switch {
	case !d.Next():
		return nil
	case d.Val() == "{" && d.Line() > d.tokens[0].Line:
		return d.errorf("{ at the beginning of a line, expected it at the end of the line before")
	case d.Val() == "{":
		return d.errorf("it has no options, expected no {")
	}
	return d.errorf("%q after the end, expected a line of its own", d.Val())
}

// glued returns an error for a word that a brace sticks to.
func glued(word string) error {
	switch rest, opens := strings.CutSuffix(word, "{"); {
	case opens && rest != "" && !strings.ContainsAny(rest, "{ "):
		return fmt.Errorf("%q, expected a space before {", word)
	case strings.HasSuffix(word, "}") && word != "}" && !strings.Contains(word, "{"):
		return fmt.Errorf("%q, expected } on a line of its own", word)
	}
	return nil
}

// reader returns what reads the directive, nil if nothing does.
func (d *directive) reader() func() error {
	switch d.name {
	case "bind":
		return d.bind
	case "bufsize":
		return d.bufsize
	case "cache":
		return d.cache
	case "debug":
		return d.debug
	case "errors":
		return d.errors
	case "family":
		return d.family
	case "forward":
		return d.forward
	case "hosts":
		return d.hosts
	case "log":
		return d.log
	case "loop":
		return d.loop
	case "prometheus":
		return d.prometheus
	case "template":
		return d.template
	}
	return d.processReader()
}

// processReader is reader for what is the whole process's, and what means nothing here.
func (d *directive) processReader() func() error {
	switch d.name {
	case "health":
		return d.health
	case "pprof":
		return d.pprof
	case "ready":
		return d.ready
	case "reload":
		return d.reload
	case "loadbalance":
		return d.meaningless("addresses are always rotated")
	case "timeouts":
		return d.meaningless("the limits of client connections are fixed")
	case "trace":
		return d.meaningless("nothing is traced")
	case "whoami":
		return d.meaningless("the block's other directives answer")
	}
	return nil
}
