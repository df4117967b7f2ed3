package corefile

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// stanza is a server block as words: nobody has looked at its directives yet.
type stanza struct {
	keys       []caddyfile.Token
	directives [][]caddyfile.Token // in order, each with the whole of its block
	wrong      []error             // errors that CoreDNS's parser does not see
}

// reader groups the words of a Corefile as caddyfile.Parse does. caddyfile.Parse itself does not
// keep where a key stands and which files were imported, mixes the directives of one name, and
// panics if it can't read an imported file.
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

// stanza reads a server block. For a snippet it returns a stanza without keys.
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
	if len(s.keys) == 0 { // CoreDNS drops the block without a word
		return s, r.errorf("a block without a zone, expected one before it; is a variable empty?")
	}
	braces := r.val() == "{"
	if !braces { // the only block of a file needs none
		r.at--
	}
	closed, err := r.directives(&s)
	if unclosed := r.errorf("the file ends within the block of line %d, expected }", s.keys[0].Line); err == nil && braces && !closed {
		if r.val() != "}" {
			return s, unclosed
		}
		s.wrong = append(s.wrong, unclosed) // the last } closed a directive's block
	}
	s.checkKeys(!braces)
	return s, err
}

// checkKeys finds keys that are no zone but a directive outside its block, or a } too many.
func (s *stanza) checkKeys(bare bool) {
	if len(s.keys) == 0 {
		return
	}
	first := s.keys[0]
	pos := Pos{first.File, first.Line}
	switch {
	case first.Text == "}":
		s.wrong = append(s.wrong, fmt.Errorf("%s: } closes nothing, expected as many } as {", pos))
	case bare && findDirective(first.Text) != nil:
		s.wrong = append(s.wrong, fmt.Errorf("%s: %s is in no block, expected a zone and { before it, such as .:53 {; is a } before it too many?", pos, first.Text))
	}
}

// keys reads the words before a block. It reports whether more words follow.
func (r *reader) keys() (keys []caddyfile.Token, more bool, err error) {
	another := false // a comma says that another key follows, maybe on the next line
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

// directives reads up to the end of the block or of the file. It reports whether the block ended.
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

// directive reads a directive, up to the end of its line or of the block that opens there.
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

// next moves to the next word. It reports whether there is one.
func (r *reader) next() bool {
	if r.at < len(r.tokens)-1 {
		r.at++
		return true
	}
	return false
}

// val returns the current word as it is written.
func (r *reader) val() string {
	if r.at < 0 || r.at >= len(r.tokens) {
		return ""
	}
	return r.tokens[r.at].Text
}

// word returns the current word with its variables replaced.
func (r *reader) word() caddyfile.Token {
	t := r.tokens[r.at]
	t.Text = r.opts.expand(t.Text)
	return t
}

// newLine reports whether the current word is the first of a line.
func (r *reader) newLine() bool {
	if r.at < 1 {
		return true
	}
	if r.at >= len(r.tokens) {
		return false
	}
	before, t := r.tokens[r.at-1], r.tokens[r.at]
	return before.File != t.File || before.Line+strings.Count(before.Text, "\n") < t.Line
}

// sameLine reports whether the next word is on the same line as the current one.
func (r *reader) sameLine() bool {
	if r.at < 0 || r.at+1 >= len(r.tokens) {
		return false
	}
	t, after := r.tokens[r.at], r.tokens[r.at+1]
	return t.File == after.File && t.Line+strings.Count(t.Text, "\n") == after.Line
}

// errorf returns an error about the current word.
func (r *reader) errorf(format string, args ...any) error {
	pos := Pos{File: r.files[0]}
	if len(r.tokens) > 0 {
		t := r.tokens[min(max(r.at, 0), len(r.tokens)-1)]
		pos = Pos{t.File, t.Line}
	}
	return fmt.Errorf("%s: %s", pos, fmt.Sprintf(format, args...))
}

// Limits of imports. A file or a snippet may import itself, also by way of others.
const (
	maxImports = 1000
	maxTokens  = 1 << 18
)

// snippetName returns NAME if keys begin a snippet: (NAME), alone before its block.
func snippetName(keys []caddyfile.Token) (string, bool) {
	if len(keys) != 1 {
		return "", false
	}
	name, opened := strings.CutPrefix(keys[0].Text, "(")
	name, closed := strings.CutSuffix(name, ")")
	return name, opened && closed
}

// snippet keeps the words of a block for import. The current word opens the block.
func (r *reader) snippet(name string) error {
	if _, found := r.snippets[name]; found {
		return r.errorf("snippet (%s) already exists, expected another name", name)
	}
	if r.val() != "{" {
		return r.errorf("snippet (%s) has no block, expected {", name)
	}
	first := r.at + 1
	for open := 1; open > 0; {
		if !r.next() {
			return r.errorf("the file ends within snippet (%s), expected }", name)
		}
		switch r.val() {
		case "{":
			open++
		case "}":
			open--
		}
	}
	r.snippets[name] = slices.Clone(r.tokens[first:r.at])
	return nil
}

// doImport replaces import and its argument by the words of a snippet or of files. Afterwards the
// current word is the first of these, or the one that follows the argument if there are none.
func (r *reader) doImport() error {
	if !r.sameLine() {
		return r.errorf("import: no argument, expected a snippet, a file or a pattern")
	}
	r.next()
	what := r.opts.expand(r.val())
	if what == "" || r.sameLine() {
		return r.errorf("import: expected one argument: a snippet, a file or a pattern")
	}
	words, found := r.snippets[what]
	if !found {
		var err error
		if words, err = r.importFiles(what); err != nil {
			return err
		}
	}
	if r.imports++; r.imports > maxImports || len(r.tokens)+len(words) > maxTokens {
		return r.errorf("import: more than %d imports or %d words; does %s import itself?", maxImports, maxTokens, what)
	}
	r.tokens = slices.Concat(r.tokens[:r.at-1], words, r.tokens[r.at+1:])
	r.at--
	return nil
}

// importFiles returns the words of the files that match a pattern. A relative pattern starts at
// the folder of the file that has it.
func (r *reader) importFiles(pattern string) (words []caddyfile.Token, err error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(r.tokens[r.at].File), pattern)
	}
	wild := strings.ContainsAny(pattern, "*?[]")
	if strings.Count(pattern, "*") > 1 || strings.Count(pattern, "?") > 1 || strings.ContainsAny(pattern, "[]") {
		return nil, r.errorf("import: %s: expected one * or ? at most, and no []", pattern)
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, r.errorf("import: %s: %v", pattern, err)
	}
	if len(paths) == 0 && !wild {
		return nil, r.errorf("import: %s does not exist, expected a file, or a snippet defined above", pattern)
	}
	if len(paths) == 0 {
		r.notes = append(r.notes, Note{Pos{r.tokens[r.at].File, r.tokens[r.at].Line}, "import: no file matches " + pattern})
	}
	for _, path := range paths {
		text, err := readFile(path)
		if err != nil {
			return nil, r.errorf("import: %v", err)
		}
		words = append(words, lex(path, r.opts.fill(text))...)
		if !slices.Contains(r.files, path) {
			r.files = append(r.files, path)
		}
	}
	return words, nil
}
