// Package peer builds and runs CoreDNS programs for tests to ask.
package peer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The programs that can be built.
const (
	Stock = "./test/differential/stock"
	Ours  = "./cmd/coredns"
)

// Build builds a program of this repository below its build folder, where the
// next build finds it.
func Build(ctx context.Context, program string) (string, error) {
	root, err := repository(ctx)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "build", "differential", filepath.Base(program))
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", fmt.Errorf("build folder: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, program)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return binary, nil
}

func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
