package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The programs that can be built, by their packages.
const (
	OurCoreDNS   = "./cmd/coredns"
	StockCoreDNS = "./test/differential/stock"
	OurNodeCache = "./cmd/nodecache"
)

// built are the paths of the programs, once Main has begun.
var built = map[string]string{}

// Main runs the tests of a package once dig and the programs are there: nodecache, our CoreDNS
// and, if asked for, stock CoreDNS. It returns the exit code.
func Main(m *testing.M, withStock bool) int {
	programs := []string{OurNodeCache, OurCoreDNS}
	if withStock {
		programs = append(programs, StockCoreDNS)
	}
	if err := prepare(programs); err != nil {
		fmt.Fprintln(os.Stderr, "tests of the node cache:", err)
		return 1
	}
	return m.Run()
}

func prepare(programs []string) (err error) {
	if err := NeedDig(); err != nil {
		return err
	}
	for _, p := range programs {
		if built[p], err = Build(context.Background(), p); err != nil {
			return err
		}
	}
	return nil
}

// Program returns the path of nodecache, for tests of its command line.
func Program() string { return built[OurNodeCache] }

// Build builds a program of this repository and returns its path, which is below the build
// folder: the next build only has to look whether something changed.
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

// repository returns the folder of the repository.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
