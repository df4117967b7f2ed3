package corefile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// stanza is a server block before its directives are understood.
type stanza struct {
	keys       []caddyfile.Token
	directives [][]caddyfile.Token // in order, each with all of its block
	wrong      []error             // what CoreDNS's parser lets pass
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
	if s.keys, more, err = r.keys(); err != nil {
		return s, err
	}
	if !more {
		s.checkKeys(true)
		return s, nil
	}
	if name, ok := snippetName(s.keys); ok {
		return stanza{}, r.snippet(name)
	}
	if len(s.keys) == 0 { // CoreDNS drops the block and says nothing
		return s, r.errorf("a block without a zone, expected one before it; is a variable empty?")
	}
	braces := r.val() == "{"
	if !braces { // the one block of a file may do without
		r.at--
	}
	closed, err := r.directives(&s)
	if unclosed := r.errorf("the file ends within the block of line %d, expected }", s.keys[0].Line); err == nil && braces && !closed {
		if r.val() != "}" {
			return s, unclosed
		}
		s.wrong = append(s.wrong, unclosed) // the last } closes a directive's block
	}
	s.checkKeys(!braces)
	return s, err
}

// checkKeys finds zones that are a directive out of its block, or the end of a block that has
// ended.
func (s *stanza) checkKeys(bare bool) {
	if len(s.keys) == 0 {
		return
	}
	first := s.keys[0]
	pos := Pos{first.File, first.Line}
	switch {
	case first.Text == "}":
		s.wrong = append(s.wrong, fmt.Errorf("%s: } closes nothing, expected no more of them than {", pos))
	case bare && isDirective(first.Text):
		s.wrong = append(s.wrong, fmt.Errorf("%s: %s stands in no block, expected a zone and { before it, as .:53 {; is a } before it too many?", pos, first.Text))
	}
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

// directives reads up to the block's end, or the file's, and reports whether it was the former.
func (r *reader) directives(s *stanza) (closed bool, err error) {
	for r.next() {
		if r.val() == "}" {
			return true, nil
		}
		if r.val() == "import" {
			if err := r.doImport(); err != nil {
				return false, err
			}
			r.at--
			continue
		}
		d, err := r.directive()
		if err != nil {
			return false, err
		}
		s.directives = append(s.directives, d)
	}
	return false, nil
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
		return nil, r.errorf("the file ends within the block of %s at line %d, expected }", tokens[0].Text, tokens[0].Line)
	}
	return tokens, nil
}
