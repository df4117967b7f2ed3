package manifests

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/test/nodecache/run"
)

const (
	clusterAddr = "10.244.9.1" // of all CoreDNS's Pods, as there is one
	nodeAddr    = "10.244.9.3"
	outsideAddr = "10.244.8.2"
	nodeName    = "node-1"
)

// place is a network namespace that a veth leads to.
type place struct {
	t     testing.TB
	netns string
}

// newPlace makes one with an address, of a /24 in which .1 is ours.
func newPlace(t testing.TB, veth, addr string) *place {
	t.Helper()
	holder := exec.Command("sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is of the thread
	must(t, holder.Start())
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
		_ = exec.Command("ip", "link", "del", veth).Run() // which the kernel else does later
	})
	p := &place{t, fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid)}
	ours := addr[:strings.LastIndexByte(addr, '.')] + ".1"
	sh(t, fmt.Sprintf("ip link add %s type veth peer name eth0 netns %d; ip addr add %s/24 dev %[1]s; ip link set %[1]s up", veth, holder.Process.Pid, ours))
	p.sh(fmt.Sprintf("ip link set lo up; ip addr add %s/24 dev eth0; ip link set eth0 up; ip route add default via %s", addr, ours))
	const up = "ip -o link show %s | grep -q 'state UP'" // a carrier that comes up is seen up to a second later
	run.Eventually(t, 5*time.Second, "the link is up", func() bool {
		return p.command("sh", "-c", fmt.Sprintf(up, "eth0")).Run() == nil && exec.Command("sh", "-c", fmt.Sprintf(up, veth)).Run() == nil
	})
	return p
}

// command returns one that runs there.
func (p *place) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=" + p.netns}, args...)...)
}

func (p *place) sh(text string) string {
	p.t.Helper()
	return output(p.t, p.command("sh", "-ec", text))
}

func sh(t testing.TB, text string) string {
	t.Helper()
	return output(t, exec.Command("sh", "-ec", text))
}

func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, out)
	}
	return strings.TrimSpace(string(out))
}

// in runs f on a thread that is there: the sockets that it opens are the place's.
func (p *place) in(f func()) {
	p.t.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		var ns *os.File
		if ns, err = os.Open(p.netns); err != nil {
			return
		}
		defer ns.Close()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err == nil {
			f()
		}
	}()
	<-done
	must(p.t, err)
}

// get returns a page that is served there, empty if it is not.
func (p *place) get(addr, path string) (body string) {
	p.t.Helper()
	p.in(func() {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = fmt.Fprintf(c, "GET %s HTTP/1.0\r\n\r\n", path)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || r.StatusCode != http.StatusOK {
			return
		}
		text, _ := io.ReadAll(r.Body)
		body = string(text)
	})
	return body
}

// move has a command run there.
func (p *place) move(cmd *exec.Cmd) *exec.Cmd {
	moved := p.command(cmd.Args...)
	moved.Env, moved.SysProcAttr = cmd.Env, cmd.SysProcAttr
	return moved
}

// dig asks there, and returns what dig +short prints.
func (p *place) dig(server, name string) string {
	out, err := p.command("dig", "@"+server, "+short", "+tries=1", "+time=2", name).CombinedOutput()
	text := strings.Join(strings.Fields(string(out)), " ")
	if err != nil {
		return "failed: " + text
	}
	return text
}

// digs waits until something is answered there.
func (p *place) digs(t testing.TB, server, name, want string) {
	t.Helper()
	var got string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = p.dig(server, name); got == want {
			return
		}
	}
	t.Fatalf("dig @%s %s: %q, expected %q", server, name, got, want)
}

// newOutside answers for names that are not the cluster's.
func newOutside(t testing.TB) {
	t.Helper()
	newPlace(t, "vo", outsideAddr).in(func() {
		run.FakeAt(t, netip.MustParseAddrPort(outsideAddr+":53"), run.Addresses("198.51.100.1", 60))
	})
}

// newRoot makes a root file system of a program, as the images have it.
func newRoot(t testing.TB, program string) string {
	t.Helper()
	root := t.TempDir()
	at := filepath.Join(root, filepath.Base(program))
	text, err := os.ReadFile(program)
	must(t, err)
	must(t, os.WriteFile(at, text, 0o755)) // #nosec G306 -- a program
	must(t, os.Chmod(root, 0o755))
	if filepath.Base(program) == "coredns" {
		must(t, BindPorts(at))
	}
	must(t, writeFile(filepath.Join(root, "etc", "resolv.conf"), "nameserver "+outsideAddr+"\n"))
	return root
}

// status returns lines of /proc/PID/status, such as CapEff.
func status(t testing.TB, p *run.Process) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	must(t, err)
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		all[name] = strings.Join(strings.Fields(value), " ")
	}
	return all
}

// checkRights compares what a process may do with what the manifest says.
func checkRights(t testing.TB, p *run.Process, c *Container) {
	t.Helper()
	var kept uint64
	for _, name := range c.Capabilities {
		kept |= 1 << numbers[name]
	}
	s, caps, user := status(t, p), fmt.Sprintf("%016x", kept), fmt.Sprintf("%d %[1]d %[1]d %[1]d", c.User)
	for name, want := range map[string]string{"CapEff": caps, "CapPrm": caps, "CapBnd": caps, "Uid": user} {
		if s[name] != want {
			t.Errorf("%s: %s, expected %s", name, s[name], want)
		}
	}
	if c.NoEscalation && s["NoNewPrivs"] != "1" {
		t.Error("it could gain privileges")
	}
}
