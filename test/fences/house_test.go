package fences

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// mostFiles is in how many files the methods of one type may stand.
const mostFiles = 3

// TestFilesOfTypes shows that a type is read in a few files. Tests may add methods in theirs.
func TestFilesOfTypes(t *testing.T) {
	for _, p := range load(t) {
		files := map[string]map[string]bool{}
		for _, f := range p.Syntax {
			name := filepath.Base(p.Fset.Position(f.Pos()).Filename)
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, d := range f.Decls {
				if of := receiver(d); of != "" {
					if files[of] == nil {
						files[of] = map[string]bool{}
					}
					files[of][name] = true
				}
			}
		}
		for of, in := range files {
			if len(in) > mostFiles {
				t.Errorf("%s: the methods of %s stand in %d files, expected %d at most: %v",
					p.PkgPath, of, len(in), mostFiles, slices.Sorted(maps.Keys(in)))
			}
		}
	}
}

// receiver returns the name of the type that a declaration is a method of, or nothing.
func receiver(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok || f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	for {
		switch e := of.(type) {
		case *ast.StarExpr:
			of = e.X
		case *ast.IndexExpr:
			of = e.X
		case *ast.IndexListExpr:
			of = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// TestAssembly shows that the node cache's root reads from top to bottom: whatever one of its
// files uses stands in a file further down, and none further down uses anything above.
func TestAssembly(t *testing.T) {
	for _, p := range load(t) {
		if p.ID == module+"nodecache" {
			if circle := circleOf(arrowsBetweenFiles(p)); circle != nil {
				t.Errorf("files of nodecache use each other in a circle: %s", strings.Join(circle, " -> "))
			}
			return
		}
	}
	t.Fatal("package nodecache is not there")
}

// arrowsBetweenFiles returns for each file of a package those whose declarations it uses.
func arrowsBetweenFiles(p *packages.Package) map[string][]string {
	arrows := map[string][]string{}
	for id, o := range p.TypesInfo.Uses {
		if o.Pkg() != p.Types || o.Parent() != nil && o.Parent() != p.Types.Scope() {
			continue // another package's, or a local variable
		}
		from, to := filepath.Base(p.Fset.Position(id.Pos()).Filename), fileOf(p, o)
		if from != to && !slices.Contains(arrows[from], to) {
			arrows[from] = append(arrows[from], to)
		}
	}
	return arrows
}

// circleOf returns the way of a circle among arrows, nil if there is none.
func circleOf(arrows map[string][]string) []string {
	done := map[string]bool{}
	var walk func(at string, way []string) []string
	walk = func(at string, way []string) []string {
		if i := slices.Index(way, at); i >= 0 {
			return append(slices.Clone(way[i:]), at)
		}
		if done[at] {
			return nil
		}
		for _, next := range slices.Sorted(slices.Values(arrows[at])) {
			if circle := walk(next, append(slices.Clone(way), at)); circle != nil {
				return circle
			}
		}
		done[at] = true
		return nil
	}
	for _, from := range slices.Sorted(maps.Keys(arrows)) {
		if circle := walk(from, nil); circle != nil {
			return circle
		}
	}
	return nil
}

// TestSleeps shows that no test sleeps without saying what for, in a comment on the line or the one
// above. On a virtual clock a sleep costs nothing.
func TestSleeps(t *testing.T) {
	for _, p := range load(t) {
		for _, f := range p.Syntax {
			if strings.HasSuffix(p.Fset.Position(f.Pos()).Filename, "_test.go") {
				for _, at := range bareSleeps(p, f) {
					t.Errorf("%s: time.Sleep: wait for what has to happen, or say in a comment why it can't be waited for", at)
				}
			}
		}
	}
}

// bareSleeps returns where a file sleeps on the real clock, without a comment.
func bareSleeps(p *packages.Package, f *ast.File) (at []token.Position) {
	commented := map[int]bool{}
	for _, c := range f.Comments {
		commented[p.Fset.Position(c.End()).Line] = true
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch name := callee(p.TypesInfo, call); name {
		case "testing/synctest.Test":
			return false
		case "time.Sleep":
			pos := p.Fset.Position(call.Pos())
			if !commented[pos.Line] && !commented[pos.Line-1] {
				at = append(at, pos)
			}
		}
		return true
	})
	return at
}

// callee returns the full name of the function that is called, or nothing.
func callee(info *types.Info, call *ast.CallExpr) string {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		if f, ok := info.Uses[sel.Sel].(*types.Func); ok {
			return f.FullName()
		}
	}
	return ""
}
