//go:build !linux

package cluster

import (
	"os"
	"os/exec"
)

// dieWithParent does nothing here: a child may outlive a test that was killed.
func dieWithParent(*exec.Cmd) {}

// lock does nothing here: two builds at once waste time, but both make the same
// binary.
func lock(*os.File) error { return nil }
