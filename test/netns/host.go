package netns

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Host is a network namespace that a veth leads to. It plays a Pod, a node, or a machine outside.
type Host struct {
	T    testing.TB
	veth string // our end; the Host's end is eth0
	Path string // of the namespace, for setns(2)
}

// New makes a Host for as long as the test runs. Its link is down and has no address.
func New(t testing.TB, veth string) *Host {
	t.Helper()
	holder := exec.Command("sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the child gets Pdeathsig when this thread ends
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
		_ = exec.Command("ip", "link", "del", veth).Run() // else the kernel does it, some time later
	})
	h := &Host{t, veth, fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid)}
	Shf(t, "ip link add %s type veth peer name eth0 netns %d", veth, holder.Process.Pid)
	h.Sh("ip link set lo up")
	return h
}

// Up sets both ends of the link up and waits until they carry packets: it can take a second until
// the kernel sees that a carrier has come up.
func (h *Host) Up() {
	h.T.Helper()
	Shf(h.T, "ip link set %s up", h.veth)
	h.Sh("ip link set eth0 up")
	const wait = "for try in $(seq 6000); do ip -o link show %s | grep -q 'state UP' && exit; sleep 0.01; done; echo it stays down; exit 1"
	Shf(h.T, wait, h.veth)
	h.Shf(wait, "eth0")
}

// Command returns a command that runs in the Host.
func (h *Host) Command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + h.Path}, args...)...)
}

// Sh runs commands of a shell in the Host and returns their output.
func (h *Host) Sh(command string) string {
	h.T.Helper()
	return Output(h.T, h.Command("sh", "-ec", command))
}

// Shf is Sh with a format.
func (h *Host) Shf(format string, args ...any) string {
	h.T.Helper()
	return h.Sh(fmt.Sprintf(format, args...))
}

// In runs f on a thread that is in the Host: the sockets that f opens are the Host's.
func (h *Host) In(f func()) {
	h.T.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		var ns *os.File
		if ns, err = os.Open(h.Path); err != nil {
			return
		}
		defer func() { _ = ns.Close() }()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err == nil {
			f()
		}
	}()
	<-done
	if err != nil {
		h.T.Fatal(err)
	}
}

// Dig asks a server from the Host. It returns what dig +short prints, in one line, or how it failed.
func (h *Host) Dig(server string, args ...string) string {
	return short(h.Command(digging(server, args)...))
}

// Dig is Host.Dig from the test binary's namespace.
func Dig(server string, args ...string) string {
	ask := digging(server, args)
	return short(exec.Command(ask[0], ask[1:]...))
}

func digging(server string, args []string) []string {
	return append([]string{"dig", "@" + server, "+short", "+tries=1", "+time=2"}, args...)
}

func short(dig *exec.Cmd) string {
	out, err := dig.CombinedOutput()
	text := strings.Join(strings.Fields(string(out)), " ")
	if err != nil {
		return "failed: " + text
	}
	return text
}

// Sh runs commands of a shell, up to the first that fails, and returns their output.
func Sh(t testing.TB, command string) string {
	t.Helper()
	return Output(t, exec.Command("sh", "-ec", command))
}

// Shf is Sh with a format.
func Shf(t testing.TB, format string, args ...any) string {
	t.Helper()
	return Sh(t, fmt.Sprintf(format, args...))
}

// Output runs a command, which must succeed, and returns what it prints.
func Output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, out)
	}
	return strings.TrimSpace(string(out))
}
