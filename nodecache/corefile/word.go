package corefile

import (
	"fmt"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

func (r *reader) next() bool {
	if r.at < len(r.tokens)-1 {
		r.at++
		return true
	}
	return false
}

func (r *reader) val() string {
	if r.at < 0 || r.at >= len(r.tokens) {
		return ""
	}
	return r.tokens[r.at].Text
}

// word returns the current token with variables replaced.
func (r *reader) word() caddyfile.Token {
	t := r.tokens[r.at]
	t.Text = r.opts.expand(t.Text)
	return t
}

// newLine reports whether the current token is the first of a line.
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

// sameLine reports whether the next token is on the line of the current one.
func (r *reader) sameLine() bool {
	if r.at < 0 || r.at+1 >= len(r.tokens) {
		return false
	}
	t, after := r.tokens[r.at], r.tokens[r.at+1]
	return t.File == after.File && t.Line+strings.Count(t.Text, "\n") == after.Line
}

func (r *reader) errorf(format string, args ...any) error {
	pos := Pos{File: r.files[0]}
	if len(r.tokens) > 0 {
		t := r.tokens[min(max(r.at, 0), len(r.tokens)-1)]
		pos = Pos{t.File, t.Line}
	}
	return fmt.Errorf("%s: %s", pos, fmt.Sprintf(format, args...))
}
