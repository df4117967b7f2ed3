// Package netns gives tests network namespaces: one to the test binary, see Enter, and one to each
// Host that it plays.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// insideEnv says that the test binary runs in a namespace of its own, as a child of itself.
const insideEnv = "NETNS_TEST_INSIDE"

// Enter puts the test binary into a network namespace of its own, into the other namespaces that
// flags name (CLONE_NEWNS, ...), and into a user namespace where it isn't root's. Then it runs
// setup, commands of a shell. Call it in TestMain, before everything that opens sockets: Enter runs
// the binary again, as a child, and returns in the child alone. The parent ends with the child.
func Enter(flags uintptr, setup string) {
	if os.Getenv(insideEnv) == "" {
		os.Exit(again(flags))
	}
	if out, err := exec.Command("sh", "-ec", setup).CombinedOutput(); err != nil {
		fmt.Printf("the tests' namespace: %v: %s", err, out)
		os.Exit(1)
	}
}

// again runs the binary in the namespaces and returns its exit code.
func again(flags uintptr) int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | flags, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	runtime.LockOSThread() // the child gets Pdeathsig when this thread ends
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
