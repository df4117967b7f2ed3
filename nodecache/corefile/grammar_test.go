package corefile

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// row is what the rows of both tables have in common.
type row struct {
	name, usage      string
	min, max         int
	read             parseFunc
	ignored, refused string
}

// rows returns all rows. The name of an option's row begins with its directive's.
func rows() (all []row) {
	for _, d := range directives {
		all = append(all, row{d.name, d.usage, d.min, d.max, d.read, d.ignored, ""})
		for _, o := range d.options {
			all = append(all, row{d.name + " " + o.name, o.usage, o.min, o.max, o.read, o.ignored, o.refused})
		}
	}
	return all
}

// TestGrammar shows that each row stands once, and does one thing.
func TestGrammar(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.name] {
			t.Errorf("%s has two rows", r.name)
		}
		seen[r.name] = true
		does := 0
		for _, one := range []bool{r.read != nil, r.ignored != "", r.refused != ""} {
			if one {
				does++
			}
		}
		if does != 1 {
			t.Errorf("%s: a row is read, ignored or refused, this one is %d of these", r.name, does)
		}
		if isElsewhere(r.name) || r.min > r.max {
			t.Errorf("%s: %+v", r.name, r)
		}
	}
}

// TestUsage shows that min and max are what the usage says: words outside of brackets must be
// there, and the one with "..." may be repeated.
func TestUsage(t *testing.T) {
	brackets, severalForms := regexp.MustCompile(`[\[\]]`), []string{"cache serve_stale", "forward tls"}
	for _, r := range rows() {
		if slices.Contains(severalForms, r.name) {
			continue
		}
		least, most, depth := 0, 0, 0
		for word := range strings.FieldsSeq(r.usage) {
			if depth == 0 && !strings.HasPrefix(word, "[") {
				least++
			}
			depth += strings.Count(word, "[") - strings.Count(word, "]")
			most++
			if strings.HasSuffix(brackets.ReplaceAllString(word, ""), "...") {
				most = many
				break
			}
		}
		if r.min != least || r.max != most {
			t.Errorf("%s %s: %d to %d arguments, the usage says %d to %d", r.name, r.usage, r.min, r.max, least, most)
		}
	}
}
