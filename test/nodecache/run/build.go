package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/neardns/neardns/test/differential/peer"
)

// The programs, by their packages.
const (
	nodecache = "./cmd/nodecache"
	coredns   = peer.Ours
	stock     = peer.Stock
)

// built are the paths of the programs, once Main has begun.
var built = map[string]string{}

// Main runs the tests of a package once dig and the programs are there: nodecache, our CoreDNS
// and, where it is asked for, stock CoreDNS. It returns the exit code.
func Main(m *testing.M, withStock bool) int {
	programs := []string{nodecache, coredns}
	if withStock {
		programs = append(programs, stock)
	}
	if err := prepare(programs); err != nil {
		fmt.Fprintln(os.Stderr, "tests of the node cache:", err)
		return 1
	}
	return m.Run()
}

func prepare(programs []string) (err error) {
	if _, err := exec.LookPath("dig"); err != nil {
		return fmt.Errorf("they ask with dig (Debian: bind9-dnsutils): %w", err)
	}
	for _, p := range programs {
		if built[p], err = peer.Build(context.Background(), p); err != nil {
			return err
		}
	}
	return nil
}

// Program returns the path of nodecache, for tests of its command line.
func Program() string { return built[nodecache] }

// root returns the folder of the repository, in which the programs are in build/differential.
func root() string { return filepath.Dir(filepath.Dir(filepath.Dir(built[nodecache]))) }
