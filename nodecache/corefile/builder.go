package corefile

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"

	"github.com/coredns/caddy/caddyfile"
)

// builder makes a Config from stanzas.
type builder struct {
	opts  *Options
	conf  *Config
	sum   hash.Hash
	wrong []error // everything that is wrong so far
	block *Block  // the current one

	inBlock   map[string]Pos // the directives of the current block, and where the first of each stands
	inProcess map[string]Pos // those of all blocks
}

// build reads all stanzas. It reads on where something is wrong.
func (b *builder) build(name string, stanzas []stanza) {
	if len(stanzas) == 0 {
		b.failed(fmt.Errorf("%s: no server block, expected one of three lines or more: \".:53 {\", \"forward . /etc/resolv.conf\" and \"}\"", name))
	}
	b.sum, b.inProcess = sha256.New(), map[string]Pos{}
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

// stanza makes a Block.
func (b *builder) stanza(s stanza) {
	b.block, b.inBlock = &Block{Pos: Pos{s.keys[0].File, s.keys[0].Line}}, map[string]Pos{}
	b.conf.Blocks = append(b.conf.Blocks, b.block)
	b.addSum(s.keys)
	if b.wrong = append(b.wrong, s.wrong...); len(s.wrong) > 0 {
		return // nobody knows which words are its keys and which its directives
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
		b.directive(newParser(b, tokens))
	}
	if len(b.wrong) == 0 {
		b.conf.Notes = append(b.conf.Notes, b.block.useless()...)
	}
}

// addSum adds words to the sum, and where their lines begin.
func (b *builder) addSum(tokens []caddyfile.Token) {
	for i, t := range tokens {
		newLine := i > 0 && t.Line != tokens[i-1].Line
		fmt.Fprintf(b.sum, "%q %t ", t.Text, newLine)
	}
	fmt.Fprintln(b.sum)
}

// directive reads a directive of the current block.
func (b *builder) directive(p *parser) {
	if err := p.parse(); err != nil {
		b.failed(err)
		return
	}
	if name := p.row.plugin; name != "" && !slices.Contains(b.block.Plugins, name) {
		b.block.Plugins = append(b.block.Plugins, name)
	}
	for _, text := range p.differences() {
		b.conf.Differences = append(b.conf.Differences, Note{p.pos(), p.name() + ": " + text})
	}
}
