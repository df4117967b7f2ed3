package corefile

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// Limits of imports: a file or a snippet may, by way of others, import itself.
const (
	maxImports = 1000
	maxTokens  = 1 << 18
)

// snippetName returns the name of the snippet that is defined: (NAME), alone before its block.
func snippetName(keys []caddyfile.Token) (string, bool) {
	if len(keys) != 1 {
		return "", false
	}
	name, opened := strings.CutPrefix(keys[0].Text, "(")
	name, closed := strings.CutSuffix(name, ")")
	return name, opened && closed
}

// snippet keeps the words of a block for import. The current token opens it.
func (r *reader) snippet(name string) error {
	if _, found := r.snippets[name]; found {
		return r.errorf("snippet (%s) is there already, expected another name", name)
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

// doImport puts the words of a snippet or of files in the place of import and its argument.
// The first of them, or what follows, is then the current token.
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

// importFiles returns the words of the files that match a pattern. A relative one begins at
// the folder of the file it stands in.
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
		return nil, r.errorf("import: %s is not there, expected a file or a snippet defined above", pattern)
	}
	if len(paths) == 0 {
		r.notes = append(r.notes, Note{Pos{r.tokens[r.at].File, r.tokens[r.at].Line}, "import: no file is " + pattern})
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

// expand replaces {%NAME%} and {$NAME} by what the environment has for NAME, or nothing.
func (o *Options) expand(word string) string {
	return o.expandEach(o.expandEach(word, "{%", "%}"), "{$", "}")
}

func (o *Options) expandEach(word, opening, closing string) string {
	var done strings.Builder
	for {
		before, after, found := strings.Cut(word, opening)
		name, rest, closed := strings.Cut(after, closing)
		if !found || !closed || name == "" {
			done.WriteString(word)
			return done.String()
		}
		value, _ := o.Env(name)
		done.WriteString(before + value)
		word = rest
	}
}
