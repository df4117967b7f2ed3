package corefile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// unknownDirective returns the error for a directive that the node cache does not have.
func (p *parser) unknownDirective() error {
	if isElsewhere(p.name()) {
		return p.errorf("the node cache does not have this directive: " +
			"keep it on the cluster DNS, and here forward the zone there (forward ZONE ADDRESS)")
	}
	return fmt.Errorf("%s: %q is not a directive of CoreDNS, expected %s", p.pos(), p.name(), p.meant())
}

// meant returns what the user may have meant with a name that is no directive's.
func (p *parser) meant() string {
	opens := slices.ContainsFunc(p.tokens, func(t caddyfile.Token) bool { return t.Text == "{" })
	owners := ownersOf(p.name())
	switch {
	case p.name() == "{":
		return "{ at the end of the line before"
	case strings.Trim(p.name(), ";/-*\"'") == "":
		return "# before a comment"
	case gone[p.name()] != "":
		return gone[p.name()]
	case len(owners) > 0:
		return "it within { } after " + list(owners, "or") + ", as an option"
	case opens && strings.ContainsAny(p.name(), ".:"):
		return "no zone within a block: is a } missing before it, or a comma at the end of a line of zones?"
	}
	return among(p.name(), directiveNames())
}

// ownersOf returns the directives that have an option of that name.
func ownersOf(name string) (owners []string) {
	for _, d := range directives {
		if d.option(name) != nil {
			owners = append(owners, d.name)
		}
	}
	return owners
}

// unknownOption returns the error for a line that begins with no option of the directive.
func (p *parser) unknownOption() error {
	word, known := p.Val(), p.row.optionNames()
	if findDirective(word) != nil {
		return p.errorf("%q is a directive, expected } before it", word)
	}
	return p.errorf("unknown option %q, expected %s", word, among(word, known))
}

// among returns the known words. It names the one first that word may be a slip of the pen for.
func among(word string, known []string) string {
	near := slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
	if distance(word, near) > max(1, (len(word)+1)/3) || len(known) == 1 {
		return list(known, "or")
	}
	return "perhaps " + near + "; there are " + list(known, "and")
}

// list joins words with commas, and the last one with join.
func list(words []string, join string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + join + " " + words[last]
}

// distance returns how many bytes must be added, removed or replaced to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// hint returns what may be wrong with a word that was not understood, or nothing.
func hint(word string) string {
	switch {
	case word == "":
		return "; is a variable empty?"
	case strings.Contains(word, "$"):
		return "; a variable is written {$NAME}"
	case strings.Contains(word, ","):
		return "; words are separated by spaces"
	case strings.HasSuffix(word, ";"):
		return "; a line ends without a ;"
	case strings.ContainsAny(word, "'\""):
		return "; only \" encloses words, in pairs"
	case strings.ContainsFunc(word, func(c rune) bool { return c > '~' }):
		return "; other letters are written as xn--"
	}
	return ""
}

// glued returns an error for a word with a brace stuck to it.
func glued(word string) error {
	switch rest, opens := strings.CutSuffix(word, "{"); {
	case opens && rest != "" && !strings.ContainsAny(rest, "{ "):
		return fmt.Errorf("%q, expected a space before {", word)
	case strings.HasSuffix(word, "}") && word != "}" && !strings.Contains(word, "{"):
		return fmt.Errorf("%q, expected } on a line of its own", word)
	}
	return nil
}
