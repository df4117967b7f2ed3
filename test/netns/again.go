// Package netns gives tests network namespaces: one to the test binary, and one to each of the
// hosts that it plays.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// againEnv says that the test binary runs in a namespace of its own, as a child of itself.
const againEnv = "NETNS_TEST_AGAIN"

// Inside reports whether Again has done its work.
func Inside() bool { return os.Getenv(againEnv) != "" }

// Again runs the test binary again, in a network namespace of its own, in those that flags
// (CLONE_NEWNS, ...) add, and in a user namespace where it is not root's. It returns the exit
// code.
func Again(flags uintptr) int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), againEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | flags, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	runtime.LockOSThread() // Pdeathsig is of the thread
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Println("no namespace for the tests:", err)
		return 1
	}
	return 0
}
