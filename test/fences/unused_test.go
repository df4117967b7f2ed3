package fences

import (
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// allowed are exported identifiers that only tests use, and why.
var allowed = map[string]string{
	"plugin.Kubernetes":        "other plugins of a build look for it, as for the stock one",
	"internal/wire.Walker.OK":  "whoever writes replies checks in tests that they are whole",
	"nodecache/budget.Default": "what is divided where there is no limit, for the test of the command",
}

// TestExportsUsed shows that whatever a package exports is used by another one, and not only by
// tests: what is exported is promised. Interfaces' methods are used through the interface, and the
// values of an enumeration come together.
func TestExportsUsed(t *testing.T) {
	all := load(t)
	u := uses{used: map[string]bool{}, interfaces: map[string]bool{"Unwrap": true}, seen: map[types.Type]bool{}}
	for _, p := range all {
		u.collect(p)
	}
	for _, p := range all {
		if path, _ := within(p.Types); !isTest(path) && p.ID == p.PkgPath {
			u.collectTypes(p)
		}
	}
	for _, p := range all {
		if path, _ := within(p.Types); p.ID != p.PkgPath || p.Name == "main" || isTest(path) {
			continue
		}
		for _, name := range u.unused(p) {
			if allowed[name] == "" {
				t.Errorf("%s is exported, and nothing but its package and tests uses it", name)
			}
		}
	}
	for name := range allowed {
		if u.used[name] {
			t.Errorf("%s is used: take it off the list", name)
		}
	}
}

// isTest reports whether a package of the module is there for tests.
func isTest(path string) bool {
	return strings.HasPrefix(path, "test/") || path == "internal/testkit" || strings.HasPrefix(path, "internal/testkit/")
}

// uses is what packages use of each other.
type uses struct {
	used       map[string]bool // by nameOf, of what other packages use
	interfaces map[string]bool // names of the methods of all interfaces; errors has one without a name
	seen       map[types.Type]bool
}

// collect notes what p uses of other packages, and the interfaces it knows. Tests' uses don't count.
func (u *uses) collect(p *packages.Package) {
	for _, scope := range scopes(p) {
		for _, name := range scope.Names() {
			if i, ok := scope.Lookup(name).Type().Underlying().(*types.Interface); ok {
				for m := range i.Methods() {
					u.interfaces[m.Name()] = true
				}
			}
		}
	}
	path, _ := within(p.Types)
	if isTest(path) {
		return
	}
	for id, o := range p.TypesInfo.Uses {
		if o.Pkg() == nil || o.Pkg() == p.Types || strings.HasSuffix(p.Fset.Position(id.Pos()).Filename, "_test.go") {
			continue
		}
		if _, ours := within(o.Pkg()); ours {
			u.used[nameOf(o)] = true
			u.useType(o.Type())
		}
	}
}

// collectTypes notes the types in declarations that are used: nobody has to name the type of a
// result.
func (u *uses) collectTypes(p *packages.Package) {
	for _, name := range p.Types.Scope().Names() {
		if o := p.Types.Scope().Lookup(name); u.used[nameOf(o)] {
			u.useType(o.Type())
		}
	}
}

// scopes returns the scopes of p and of all that it imports, and the universe.
func scopes(p *packages.Package) []*types.Scope {
	list := []*types.Scope{p.Types.Scope(), types.Universe}
	for _, i := range p.Types.Imports() {
		list = append(list, i.Scope())
	}
	return list
}

// useType marks the named types in t as used.
func (u *uses) useType(t types.Type) {
	if t == nil || u.seen[t] {
		return
	}
	u.seen[t] = true
	switch t := t.(type) {
	case *types.Named:
		if _, ours := within(t.Obj().Pkg()); !ours {
			return
		}
		u.used[nameOf(t.Obj())] = true
		u.useType(t.Underlying())
		for m := range t.Methods() {
			if u.used[nameOf(m)] {
				u.useType(m.Type())
			}
		}
	case *types.Alias:
		u.useType(types.Unalias(t))
	case *types.Signature:
		for v := range t.Params().Variables() {
			u.useType(v.Type())
		}
		for v := range t.Results().Variables() {
			u.useType(v.Type())
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				u.useType(f.Type())
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			u.useType(m.Type())
		}
	case *types.Map:
		u.useType(t.Key())
		u.useType(t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		u.useType(t.Elem())
	}
}

// unused returns the exported identifiers of p that nobody else uses, sorted.
func (u *uses) unused(p *packages.Package) (list []string) {
	scope := p.Types.Scope()
	groups := map[types.Type]bool{} // of constants, by their type: whether one is used
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && u.used[nameOf(c)] {
			groups[c.Type()] = true
		}
	}
	for _, name := range scope.Names() {
		o := scope.Lookup(name)
		_, constant := o.(*types.Const)
		_, typed := o.Type().(*types.Named)
		if o.Exported() && !u.used[nameOf(o)] && !(constant && typed && groups[o.Type()]) {
			list = append(list, nameOf(o))
		}
		if n, ok := o.Type().(*types.Named); ok && o.Exported() && n.Obj() == o {
			list = append(list, u.unusedMethods(n)...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (u *uses) unusedMethods(n *types.Named) (list []string) {
	for m := range n.Methods() {
		if m.Exported() && !u.used[nameOf(m)] && !u.interfaces[m.Name()] {
			list = append(list, nameOf(m))
		}
	}
	return list
}

// nameOf returns a name that an object has in every package that uses it.
func nameOf(o types.Object) string {
	path, _ := within(o.Pkg())
	if f, ok := o.(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			of := recv.Type()
			if p, ok := of.(*types.Pointer); ok {
				of = p.Elem()
			}
			if n, ok := of.(*types.Named); ok {
				return path + "." + n.Obj().Name() + "." + o.Name()
			}
		}
	}
	return path + "." + o.Name()
}
