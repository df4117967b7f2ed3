package corefile

import (
	"bytes"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// stanza is a server block before its directives are understood.
type stanza struct {
	keys       []caddyfile.Token
	directives [][]caddyfile.Token // in order, each with all of its block
}

// reader groups the words of a Corefile, as caddyfile.Parse does. That one keeps neither
// where a key stands nor which files were imported, mixes the directives of one name, and
// panics when an imported file cannot be read.
type reader struct {
	opts     *Options
	tokens   []caddyfile.Token
	at       int // the current token
	snippets map[string][]caddyfile.Token
	imports  int
	files    []string
	notes    []Note
}

func newReader(o *Options, name string, text []byte) *reader {
	return &reader{
		opts:     o,
		tokens:   lex(name, text),
		at:       -1,
		snippets: map[string][]caddyfile.Token{},
		files:    []string{name},
	}
}

// lex returns the words of a file.
func lex(name string, text []byte) []caddyfile.Token {
	var tokens []caddyfile.Token
	d := caddyfile.NewDispenser(name, bytes.NewReader(text))
	for d.Next() {
		tokens = append(tokens, caddyfile.Token{File: name, Line: d.Line(), Text: d.Val()})
	}
	return tokens
}

// stanzas reads all server blocks.
func (r *reader) stanzas() ([]stanza, error) {
	var all []stanza
	for r.next() {
		s, err := r.stanza()
		if err != nil {
			return nil, err
		}
		if len(s.keys) > 0 {
			all = append(all, s)
		}
	}
	return all, nil
}

// stanza reads a server block. That of a snippet has no keys.
func (r *reader) stanza() (s stanza, err error) {
	more := false
	if s.keys, more, err = r.keys(); err != nil || !more {
		return s, err
	}
	if name, ok := snippetName(s.keys); ok {
		return stanza{}, r.snippet(name)
	}
	if len(s.keys) == 0 { // CoreDNS drops the block and says nothing
		return s, r.errorf("a block without a zone, expected one before it; is a variable empty?")
	}
	if r.val() != "{" { // the one block of a file may do without
		r.at--
		return s, r.directives(&s)
	}
	err = r.directives(&s)
	if err == nil && r.val() != "}" {
		err = r.errorf("the file ends within a block, expected }")
	}
	return s, err
}

// keys reads what stands before a block. It reports whether more follows.
func (r *reader) keys() (keys []caddyfile.Token, more bool, err error) {
	another := false // a comma says so, across lines
	for {
		word := r.opts.expand(r.val())
		if word == "import" && r.newLine() {
			if err := r.doImport(); err != nil {
				return nil, false, err
			}
			continue
		}
		if word == "{" && another {
			return nil, false, r.errorf("a block after a comma, expected another zone")
		}
		if word == "{" {
			return keys, true, nil
		}
		if word != "" {
			key := r.tokens[r.at]
			key.Text, another = strings.CutSuffix(word, ",")
			keys = append(keys, key)
		}
		if more = r.next(); !more && another {
			return nil, false, r.errorf("the file ends after a comma, expected another zone")
		}
		if !more || !another && r.newLine() {
			return keys, more, nil
		}
	}
}

// directives reads up to the block's end, or the file's.
func (r *reader) directives(s *stanza) error {
	for r.next() && r.val() != "}" {
		if r.val() == "import" {
			if err := r.doImport(); err != nil {
				return err
			}
			r.at--
			continue
		}
		d, err := r.directive()
		if err != nil {
			return err
		}
		s.directives = append(s.directives, d)
	}
	return nil
}

// directive reads one, to the end of its line, or of the block that opens there.
func (r *reader) directive() ([]caddyfile.Token, error) {
	tokens, nesting := []caddyfile.Token{r.word()}, 0
	for r.next() {
		switch word := r.val(); {
		case word == "{":
			nesting++
		case r.newLine() && nesting == 0:
			r.at--
			return tokens, nil
		case word == "}" && nesting == 0:
			return nil, r.errorf("} closes nothing: expected each } on a line of its own")
		case word == "}":
			nesting--
		case word == "import" && r.newLine():
			if err := r.doImport(); err != nil {
				return nil, err
			}
			r.at--
			continue
		}
		tokens = append(tokens, r.word())
	}
	if nesting > 0 {
		return nil, r.errorf("the file ends within a block, expected }")
	}
	return tokens, nil
}
