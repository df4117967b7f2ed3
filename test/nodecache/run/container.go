package run

import (
	"net/netip"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
)

// Container is a node cache in a PID namespace of its own, as in a container. It needs root,
// and unshare(1) and nsenter(1) of util-linux.
type Container struct {
	*Node
	inner int // PID of the node cache as seen from here
}

// NewContainer starts a node cache with a Corefile, and more arguments, and waits until it
// answers at addr.
func NewContainer(t testing.TB, addr netip.AddrPort, corefile string, args ...string) *Container {
	t.Helper()
	dir := t.TempDir()
	Write(t, dir, "Corefile", corefile)
	metrics := testkit.FreeAddr(t)
	args = append([]string{"-conf", "Corefile", "-metrics-listen-address", metrics.String()}, args...)
	p := Start(t, unshare(args...), dir)
	p.Logs("answering")
	p.Answers(addr)
	return &Container{&Node{p, metrics}, p.child()}
}

// unshare returns the command that runs nodecache in a new PID namespace.
func unshare(args ...string) *exec.Cmd {
	return exec.Command("unshare", append([]string{"--pid", "--fork", "--mount-proc", "--kill-child", Program()}, args...)...)
}

// Alone runs nodecache in a PID namespace in which nothing else runs, with arguments that make
// it end by itself. It returns its exit code and what it prints.
func Alone(t testing.TB, args ...string) (int, string) {
	t.Helper()
	return output(t, unshare(args...))
}

// Exec runs a second nodecache in the container, with arguments that make it end by itself. It
// returns its exit code and what it prints.
func (c *Container) Exec(args ...string) (int, string) {
	c.t.Helper()
	return output(c.t, exec.Command("nsenter", append([]string{"-t", strconv.Itoa(c.inner), "-p", "-m", Program()}, args...)...))
}

// PID returns the number of the node cache itself, as seen from here.
func (c *Container) PID() int { return c.inner }

// SignalInside sends a signal to the node cache itself.
func (c *Container) SignalInside(s syscall.Signal) {
	c.t.Helper()
	if err := syscall.Kill(c.inner, s); err != nil {
		c.t.Fatal(err)
	}
}

func output(t testing.TB, cmd *exec.Cmd) (int, string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
