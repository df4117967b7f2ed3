package node

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/test/nodecache/run"
)

// pod is a network namespace behind a veth.
type pod struct {
	t       testing.TB
	n       int // 10.244.N.2
	netns   string
	holder  *exec.Cmd
	resolve string // its resolv.conf
}

// newPod makes pod number n behind a veth of that name.
func newPod(t testing.TB, n int, veth string) *pod {
	t.Helper()
	p := &pod{t: t, n: n, holder: exec.Command("sleep", "infinity")}
	p.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	err := p.holder.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.holder.Process.Kill(); _ = p.holder.Wait() })
	p.netns = fmt.Sprintf("/proc/%d/ns/net", p.holder.Process.Pid)
	shf(t, "ip link add %s type veth peer name eth0 netns %d", veth, p.holder.Process.Pid)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", veth).Run() })
	shf(t, "ip addr add 10.244.%d.1/24 dev %s; ip addr add fd00:244:%[1]d::1/64 dev %[2]s nodad; ip link set %[2]s up", n, veth)
	p.sh("ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0")
	p.sh("sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1") // one address may go without the others
	for host := 2; host < 10; host++ {
		p.address(host)
	}
	p.sh(fmt.Sprintf("ip link set eth0 up; ip route add default via 10.244.%d.1; ip -6 route add default via fd00:244:%[1]d::1", n))
	// A carrier that comes up is seen up to a second later, and an IPv6 address later still.
	check := fmt.Sprintf("ip -o link show %%s | grep -q 'state UP' && ip -6 route show table local | grep -q 'fd00:244:%d::%%d '", n)
	run.Eventually(t, 5*time.Second, "the link is up", func() bool {
		return p.command("sh", "-c", fmt.Sprintf(check, "eth0", 9)).Run() == nil && exec.Command("sh", "-c", fmt.Sprintf(check, veth, 1)).Run() == nil
	})
	p.resolve = run.Write(t, t.TempDir(), "resolv.conf", "")
	return p
}

// address gives the Pod another address of each family, or the same again.
func (p *pod) address(host int) {
	p.t.Helper()
	p.sh(fmt.Sprintf("ip addr replace 10.244.%d.%d/24 dev eth0; ip addr replace fd00:244:%[1]d::%[2]d/64 dev eth0 nodad", p.n, host))
}

// noAddress takes them away.
func (p *pod) noAddress(host int) {
	p.t.Helper()
	p.sh(fmt.Sprintf("ip addr del 10.244.%d.%d/24 dev eth0; ip addr del fd00:244:%[1]d::%[2]d/64 dev eth0", p.n, host))
}

// command returns one that runs in the Pod.
func (p *pod) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + p.netns}, args...)...)
}

// sh runs a shell command in the Pod.
func (p *pod) sh(command string) string {
	p.t.Helper()
	out, err := p.command("sh", "-ec", command).CombinedOutput()
	if err != nil {
		p.t.Fatalf("pod %d: %s: %v: %s", p.n, command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// in runs f on a thread that is in the Pod: the sockets that it opens are the Pod's.
func (p *pod) in(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		ns, err := os.Open(p.netns)
		if err != nil {
			panic(err)
		}
		defer func() { _ = ns.Close() }()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		f()
	}()
	<-done
}

// dig asks once and returns what dig +short prints, one line after the other, or how it failed.
func (p *pod) dig(server string, args ...string) string {
	p.t.Helper()
	return digWith(p.command(digArgs(server, args)...))
}

// digHere is dig on the host.
func digHere(server string, args ...string) string {
	return digWith(exec.Command("dig", digArgs(server, args)[1:]...))
}

func digArgs(server string, args []string) []string {
	return append([]string{"dig", "@" + server, "+short", "+tries=1", "+time=2"}, args...)
}

func digWith(cmd *exec.Cmd) string {
	out, err := cmd.CombinedOutput()
	text := strings.Join(strings.Fields(string(out)), " ")
	if err != nil {
		return "failed: " + text
	}
	return text
}

// getent asks as a libc program does: ndots:5, a search list, A and AAAA at once.
func (p *pod) getent(server, name string) string {
	p.t.Helper()
	const text = "nameserver %s\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:2 attempts:1\n"
	if err := os.WriteFile(p.resolve, fmt.Appendf(nil, text, server), 0o600); err != nil {
		p.t.Fatal(err)
	}
	out, err := p.command("unshare", "-m", "sh", "-ec",
		"mount --bind "+p.resolve+" /etc/resolv.conf; getent ahosts "+name).CombinedOutput()
	if err != nil {
		return "failed: " + string(out)
	}
	var addrs []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "STREAM" {
			addrs = append(addrs, f[0])
		}
	}
	return strings.Join(addrs, " ")
}
