package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/neardns/neardns/test/cluster"
	"github.com/neardns/neardns/test/differential/peer"
	"github.com/neardns/neardns/test/manifests"
	"github.com/neardns/neardns/test/nodecache/run"
)

// namespaceEnv says that the test binary runs in a namespace of its own, as a child of itself.
const namespaceEnv = "NODE_TEST_NAMESPACE"

// confineEnv makes it a node cache with few rights; see confine_test.go.
const confineEnv = "NODE_TEST_CONFINE"

// The programs.
var coredns, kubernetes string

func TestMain(m *testing.M) {
	manifests.Enter()
	switch {
	case os.Getenv(confineEnv) != "":
		fmt.Fprintln(os.Stderr, confine(os.Getenv(confineEnv), os.Args[1:]))
		os.Exit(1)
	case os.Getenv(namespaceEnv) == "":
		os.Exit(inNamespace())
	}
	if err := prepare(); err != nil {
		fmt.Println("tests of the node:", err)
		os.Exit(1)
	}
	os.Exit(run.Main(m, false))
}

// inNamespace runs the tests in network and mount namespaces of their own, and in a user
// namespace where they are not root's.
func inNamespace() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), namespaceEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
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

// prepare readies the node and finds the programs.
func prepare() (err error) {
	for _, name := range []string{"ip", "nft", "conntrack", "iptables", "dig", "getent", "nsenter", "ss"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w (Debian: iproute2 nftables conntrack iptables bind9-dnsutils libc-bin util-linux)", err)
		}
	}
	const setup = `mount --make-rprivate /
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0`
	if out, err := exec.Command("sh", "-ec", setup).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if coredns, err = peer.Build(context.Background(), peer.Ours); err != nil {
		return err
	}
	kubernetes, err = cluster.Build(context.Background())
	return err
}

// sh runs a command and returns its output.
func sh(t testing.TB, command string) string {
	t.Helper()
	out, err := exec.Command("sh", "-ec", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

func shf(t testing.TB, format string, args ...any) string {
	t.Helper()
	return sh(t, fmt.Sprintf(format, args...))
}
