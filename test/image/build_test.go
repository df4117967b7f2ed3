package image

import (
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/image"
)

// copied returns a folder with a copy of the sources.
func copied(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"cmd", "internal", "nodecache", "plugin"} {
		must(t, os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join("../..", name))))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		must(t, os.WriteFile(filepath.Join(to, name), read(t, filepath.Join("../..", name)), 0o600))
	}
	return to
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return text
}

// TestSameBytes builds both images a second time from another folder: the archives are the same.
func TestSameBytes(t *testing.T) {
	source := copied(t)
	for name, p := range programs {
		again, err := build(p.Program, source, t.TempDir())
		must(t, err)
		if !bytes.Equal(read(t, p.archive), read(t, again.archive)) {
			t.Errorf("%s: two archives of the same source differ", name)
		}
	}
}

// TestSizes shows that the node cache's image is small on both architectures, and has a static
// program for each.
func TestSizes(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		root := filepath.Join(t.TempDir(), "root")
		must(t, image.Build{Source: "../..", Commit: commit}.Root(t.Context(), program(t, "nodecache"), arch, root))
		size, err := image.Size(root)
		if err != nil || size > 20e6 {
			t.Errorf("%s: %d bytes, expected 20 MB at most, %v", arch, size, err)
		}
		t.Logf("nodecache %s: %.1f MB", arch, float64(size)/1e6)
		checkStatic(t, filepath.Join(root, "nodecache"), machine)
	}
}

// checkStatic fails the test if a program needs any other file.
func checkStatic(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(path)
	must(t, err)
	defer f.Close()
	if f.Machine != machine {
		t.Errorf("%s: %v, expected %v", path, f.Machine, machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s: linked with a library, as of %v", path, p.Type)
		}
	}
}

// TestVersion asks both programs for their commit, inside their root file systems.
func TestVersion(t *testing.T) {
	for name, p := range programs {
		for _, arg := range []string{"-version", "--version"} {
			cmd := exec.Command("/"+name, arg)
			cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: p.root}
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), commit) {
				t.Errorf("%s %s: %q, %v", name, arg, out, err)
			}
		}
	}
}

// TestFiles checks the files beside the program.
func TestFiles(t *testing.T) {
	for name, p := range programs {
		if text := string(read(t, p.root+"/etc/passwd")); !strings.Contains(text, "\nnonroot:x:65532:65532:") {
			t.Errorf("%s: users %q", name, text)
		}
		authorities := certificates(t, read(t, p.root+"/etc/ssl/certs/ca-certificates.crt"))
		if len(authorities) < 100 || !slices.Contains(authorities, "ISRG Root X1") {
			t.Errorf("%s: authorities %q", name, authorities)
		}
	}
}

// certificates returns the names of the authorities that are still valid.
func certificates(t *testing.T, text []byte) (names []string) {
	t.Helper()
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		must(t, err)
		if c.IsCA && time.Now().Before(c.NotAfter) {
			names = append(names, c.Subject.CommonName)
		}
	}
	return names
}
