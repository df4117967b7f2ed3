package fences

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mapped matches a line of the map in CONTRIBUTING that is about a package of the programs.
var mapped = regexp.MustCompile("(?m)^\\| `((?:cmd|plugin|nodecache|internal)[a-z/]*)` \\|")

// TestMap shows that the map in CONTRIBUTING has the packages of the programs and no others, and that
// imports point down it. A package without a line, such as a command, is part of the one above it.
func TestMap(t *testing.T) {
	text, err := os.ReadFile(root + "/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range mapped.FindAllSubmatch(text, -1) {
		lines = append(lines, string(line[1]))
	}
	missing := slices.Clone(lines)
	const imports = `{{$p := .ImportPath}}{{$p}}>{{$p}}{{"\n"}}{{range .Imports}}{{$p}}>{{.}}{{"\n"}}{{end}}`
	for _, arrow := range list(t, "-f", imports, "./../../cmd/...", "./../../plugin/...", "./../../nodecache/...", "./../../internal/...") {
		from, to, _ := strings.Cut(arrow, ">")
		from = strings.TrimPrefix(from, module)
		missing = slices.DeleteFunc(missing, func(p string) bool { return p == from })
		to, ours := strings.CutPrefix(to, module)
		switch i := lineOf(lines, from); {
		case i < 0:
			t.Errorf("CONTRIBUTING's map lacks %s", from)
		case ours && lineOf(lines, to) < i:
			t.Errorf("%s imports %s, which stands above it in CONTRIBUTING's map", from, to)
		}
	}
	if len(lines) == 0 || len(missing) > 0 {
		t.Errorf("CONTRIBUTING's map has %d lines, of which these are no packages: %v", len(lines), missing)
	}
}

// lineOf returns the line of a package, or of the nearest one above it; -1 if there is none.
func lineOf(lines []string, pkg string) int {
	for ; pkg != "."; pkg = path.Dir(pkg) {
		if i := slices.Index(lines, pkg); i >= 0 {
			return i
		}
	}
	return -1
}
