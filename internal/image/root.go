package image

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Build says what to build from.
type Build struct {
	Source string // the folder of the repository
	Commit string
}

// Root builds the root file system of a program for an architecture, for example amd64, in a folder
// that it empties first. If the caller is root, it sets the capability of the binary too.
func (b Build) Root(ctx context.Context, p Program, arch, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"etc/passwd":                        []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"),
		"etc/group":                         []byte("root:x:0:\nnonroot:x:65532:\n"),
		"etc/ssl/certs/ca-certificates.crt": certificates(),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	binary := filepath.Join(dir, p.Name)
	if err := b.compile(ctx, p, arch, binary); err != nil {
		return err
	}
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		return nil
	}
	return p.setCapability(binary)
}

// compile builds a static binary without any path of this machine in it.
func (b Build) compile(ctx context.Context, p Program, arch, to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", to,
		"-ldflags", "-s -w -buildid= -X "+p.LinkFlags+"="+b.Commit, "./cmd/"+p.Name)
	cmd.Dir = b.Source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s for %s: %w\n%s", p.Name, arch, err, out)
	}
	return nil
}

// certificates returns, in PEM, the CA certificates that the Go project takes from Mozilla. The
// programs check TLS upstreams against them.
func certificates() []byte {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		_ = pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a bytes.Buffer returns no errors
	}
	return all.Bytes()
}
