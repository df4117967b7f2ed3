package hostnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests change links, addresses and rules: the test binary runs itself again in a network
// namespace of its own, and in a user namespace where it is not root.
//
//	pod N, a child's namespace       the tests' namespace
//	10.N.0.2, fd0N::2  eth0 ------- vethN  10.N.0.1, fd0N::1     neardns0 ...  the addresses

// namespaceEnv says that it has done so.
const namespaceEnv = "HOSTNET_TEST_NAMESPACE"

// childEnv makes the test binary a child process of the tests; see child_test.go.
const childEnv = "HOSTNET_TEST_CHILD"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childEnv) != "":
		os.Exit(runChild(os.Getenv(childEnv)))
	case os.Getenv(namespaceEnv) == "":
		os.Exit(runInNamespace())
	}
	const setup = "ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0" // pods speak at once
	if out, err := exec.Command("sh", "-c", setup).CombinedOutput(); err != nil {
		fmt.Println(string(out), err)
		os.Exit(1)
	}
	code := m.Run()
	for start := time.Now(); code == 0 && left() != ""; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 5*time.Second {
			fmt.Println("left behind: " + left())
			code = 1
		}
	}
	os.Exit(code)
}

func runInNamespace() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), namespaceEnv+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
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

// left describes what is open, what runs beside the tests' own goroutine, and what is left in
// the namespace.
func left() (found string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		name, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if strings.HasPrefix(name, "socket:") || name == tunPath {
			found += name + " "
		}
	}
	if runtime.NumGoroutine() > 1 {
		stacks := make([]byte, 64<<10)
		found += string(stacks[:runtime.Stack(stacks, true)])
	}
	links, _ := exec.Command("ip", "-o", "link", "show", "type", "tun").Output()
	tables, _ := exec.Command("nft", "list", "tables").Output()
	return found + string(links) + string(tables)
}
