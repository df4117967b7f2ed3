package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Build builds the test-apiserver binary and returns its path. The first build
// takes up to ten minutes, which is all the time that "go test" gives a test by
// default; "go run ./test/cluster/start -build" has no such limit. Later builds
// take seconds. If another process is building, Build waits for it.
func Build(ctx context.Context) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, "build", "test-apiserver")
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", fmt.Errorf("making build directory: %w", err)
	}
	file, err := os.OpenFile(bin+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("opening build lock: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := lock(file); err != nil {
		return "", fmt.Errorf("locking build: %w", err)
	}
	return bin, build(ctx, filepath.Join(root, "test", "apiserver"), bin)
}

// build compiles the module in dir.
func build(ctx context.Context, dir, bin string) error {
	start := time.Now()
	fmt.Fprintln(os.Stderr, "cluster: building test-apiserver, which takes up to ten minutes the first time")
	version, err := goCommand(ctx, dir, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	if _, err := goCommand(ctx, dir, "build", "-buildvcs=false", "-o", bin, "-ldflags", ldflags(version), "."); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "cluster: built test-apiserver (Kubernetes %s) in %.1fs\n",
		version, time.Since(start).Seconds())
	return nil
}

// ldflags leaves out what only a debugger reads, and sets the version that the
// API server reports, which would otherwise be v0.0.0-master. What the API server
// does depends on a constant in its source and not on this version.
func ldflags(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X", pkg+".gitVersion="+version,
			"-X", pkg+".gitMajor="+major,
			"-X", pkg+".gitMinor="+minor)
	}
	return strings.Join(flags, " ")
}

// goCommand runs the go command on the module in dir, and returns what it
// printed. It ignores GOFLAGS and workspaces, which are meant for another module.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// repository returns the root of the repository, which it finds by the path of
// this file.
func repository() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if _, err := os.Stat(filepath.Join(root, "test", "apiserver", "go.mod")); !ok || err != nil {
		return "", fmt.Errorf("no source of test-apiserver at %q: set Options.Binary", root)
	}
	return root, nil
}
