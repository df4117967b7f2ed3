package ownbuild

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestHook applies the patch that docs/upstream offers to CoreDNS, and runs the tests that come with
// it. They get our versions of all modules, which are at hand.
func TestHook(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	patch := filepath.Join(root, "docs/upstream/wrap-sockets.patch")
	text, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\+func (Test\w+)`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	if len(names) == 0 {
		t.Fatal("the patch has no tests")
	}

	dir := t.TempDir()
	source := strings.TrimSpace(command(t, root, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns"))
	patched := filepath.Join(dir, "coredns")
	copySource(t, patched, source)
	command(t, patched, "git", "apply", patch)

	mod := filepath.Join(dir, "patched.mod")
	copyFile(t, mod, filepath.Join(root, "go.mod"))
	copyFile(t, filepath.Join(dir, "patched.sum"), filepath.Join(root, "go.sum"))
	command(t, root, "go", "mod", "edit", "-replace=github.com/coredns/coredns="+patched, mod)
	out := command(t, root, "go", "test", "-modfile="+mod, "-mod=mod", "-v",
		"-run=^("+strings.Join(names, "|")+")$", "github.com/coredns/coredns/core/dnsserver")
	for _, name := range names {
		if !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("%s did not run: %s", name, out)
		}
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
