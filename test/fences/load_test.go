package fences

import (
	"go/types"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/packages"
)

// loaded are all packages of the module with their types, and each one's tests beside it.
var loaded = sync.OnceValues(func() ([]*packages.Package, error) {
	return packages.Load(&packages.Config{
		Mode:  packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo,
		Dir:   root,
		Tests: true,
	}, "./...")
})

// root is the module's directory.
const root = "../.."

// load returns all packages of the module. One that has tests stands there twice, without
// and with them; the synthesized main package of its tests is left out.
func load(t *testing.T) (all []*packages.Package) {
	t.Helper()
	list, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		for _, e := range p.Errors {
			t.Fatal(e)
		}
		if !strings.HasSuffix(p.ID, ".test") {
			all = append(all, p)
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d packages: is this the module?", len(all))
	}
	return all
}

// within returns the path of a package of this module below its root, which ends the list for
// any other. A package's tests have the path of the package.
func within(pkg *types.Package) (path string, ours bool) {
	path, ours = strings.CutPrefix(pkg.Path(), module)
	return strings.TrimSuffix(path, "_test"), ours
}

// fileOf returns the name of the file in which an object of p is declared.
func fileOf(p *packages.Package, o types.Object) string {
	return filepath.Base(p.Fset.Position(o.Pos()).Filename)
}
