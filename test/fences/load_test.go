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

// within returns the path of a package below the module's root, and whether the package is the
// module's. A package's external tests have the path of the package. What is declared in no package,
// such as error, has nil.
func within(pkg *types.Package) (path string, ours bool) {
	if pkg == nil {
		return "", false
	}
	path, ours = strings.CutPrefix(pkg.Path(), module)
	return strings.TrimSuffix(path, "_test"), ours
}

// fileOf returns the name of the file in which an object of p is declared.
func fileOf(p *packages.Package, o types.Object) string {
	return filepath.Base(p.Fset.Position(o.Pos()).Filename)
}
