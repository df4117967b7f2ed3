package corefile

import (
	"crypto/sha256"
	"fmt"
	"hash"

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
		b.failed(fmt.Errorf("%s: no server block, expected one such as .:53 { forward . /etc/resolv.conf }", name))
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
		if err := b.opts.unfilled(arg.Text); err != nil {
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
	if d.Next() {
		return d.errorf("%q after the end, expected a line of its own", d.Val())
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
