package corefile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// directive is one directive of a block, while it is read. The Dispenser stands at the word
// that is being read, and errors name its line.
type directive struct {
	*caddyfile.Dispenser
	*builder
	tokens []caddyfile.Token
	name   string
	option string // the one being read
}

func newDirective(b *builder, tokens []caddyfile.Token) *directive {
	d := caddyfile.NewDispenserTokens(tokens[0].File, tokens)
	d.Next()
	return &directive{&d, b, tokens, tokens[0].Text, ""}
}

// pos returns where the directive begins.
func (d *directive) pos() Pos { return Pos{d.tokens[0].File, d.tokens[0].Line} }

// errorf returns an error about the line being read.
func (d *directive) errorf(format string, args ...any) error {
	subject := d.name
	if d.option != "" {
		subject += ": " + d.option
	}
	return fmt.Errorf("%s:%d: %s: %s", d.File(), d.Line(), subject, fmt.Sprintf(format, args...))
}

// note says that something has no meaning here, and why.
func (d *directive) note(why string) {
	subject := d.name
	if d.option != "" {
		subject += ": " + d.option
	}
	d.conf.Notes = append(d.conf.Notes, Note{Pos{d.File(), d.Line()}, subject + " has no meaning here: " + why})
}

// remark says what is worth knowing of the line being read.
func (d *directive) remark(text string) {
	d.conf.Notes = append(d.conf.Notes, Note{Pos{d.File(), d.Line()}, d.name + ": " + text})
}

// meaningless returns what passes over a directive and notes it.
func (d *directive) meaningless(why string) func() error {
	return func() error {
		d.note(why)
		for d.Next() {
			continue
		}
		return nil
	}
}

// checkOnce finds directives that a block has twice and may have once.
func (d *directive) checkOnce() error {
	if slices.Contains([]string{"bind", "forward", "log", "template"}, d.name) {
		return nil
	}
	if first, found := d.once[d.name]; found {
		return d.errorf("the block has it at %s already, expected it once", first)
	}
	d.once[d.name] = d.pos()
	return nil
}

// args reads the words up to the line's end or {, which must be from least to most, any
// number if most is negative.
func (d *directive) args(least, most int, usage string) ([]string, error) {
	args := d.RemainingArgs()
	if slices.Contains(args, "}") {
		return nil, d.errorf("} at the end of a line, expected it on a line of its own")
	}
	if len(args) < least || most >= 0 && len(args) > most {
		plural := "s"
		if len(args) == 1 {
			plural = ""
		}
		return nil, d.errorf("%d argument%s, expected %s", len(args), plural, usage)
	}
	return args, nil
}

// options reads the block, if there is one, and calls read at the first word of each line.
func (d *directive) options(read func() error) error {
	first := map[string]int{}
	for d.NextBlock() {
		d.option = d.Val()
		if line := first[d.option]; line > 0 && !slices.Contains(strings.Fields(manyTimes), d.option) && !isHost(d.option) {
			d.remark(fmt.Sprintf("%s stands at line %d already, and only the last one counts", d.option, line))
		}
		first[d.option] = d.Line()
		if err := read(); err != nil {
			return err
		}
	}
	d.option = ""
	return nil
}

// manyTimes are the options that may stand in a block more than once, and add up.
const manyTimes = "except next failover consolidate class disable"

// flag reads an option without arguments.
func (d *directive) flag(to *bool) error {
	_, err := d.args(0, 0, d.option)
	*to = err == nil
	return err
}

// ignore reads an option without arguments and notes that it has no meaning here.
func (d *directive) ignore(why string) error {
	_, err := d.args(0, 0, d.option)
	if err == nil {
		d.note(why)
	}
	return err
}

// noOption is the error for an option that the directive does not have.
func (d *directive) noOption(known ...string) error {
	name := d.option
	d.option = ""
	if isDirective(name) && !slices.Contains(known, name) {
		return d.errorf("%q is a directive, expected } before it", name)
	}
	return d.errorf("%q is no option of it, expected %s", name, among(name, known))
}
