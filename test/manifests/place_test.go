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
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/image"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

const (
	clusterAddr = "10.244.9.1" // of all CoreDNS's Pods, as there is one
	nodeAddr    = podIP
	outsideAddr = "10.244.8.2"
	nodeName    = "node-1"
)

// place is a network namespace that a veth leads to.
type place struct {
	*netns.Host
}

// newPlace makes one with an address, of a /24 in which .1 is ours.
func newPlace(t testing.TB, veth, addr string) *place {
	t.Helper()
	p := &place{netns.New(t, veth)}
	ours := addr[:strings.LastIndexByte(addr, '.')] + ".1"
	netns.Shf(t, "ip addr add %s/24 dev %s", ours, veth)
	p.Shf("ip addr add %s/24 dev eth0", addr)
	p.Up()
	p.Shf("ip route add default via %s", ours)
	return p
}

// get returns a page that is served there, empty if it is not.
func (p *place) get(addr, path string) (body string) {
	p.T.Helper()
	p.In(func() {
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
	moved := p.Command(cmd.Args...)
	moved.Env, moved.SysProcAttr = cmd.Env, cmd.SysProcAttr
	return moved
}

// digs waits until something is answered there.
func (p *place) digs(t testing.TB, server, name, want string) {
	t.Helper()
	var got string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = p.Dig(server, name); got == want {
			return
		}
	}
	t.Fatalf("dig @%s %s: %q, expected %q", server, name, got, want)
}

// newOutside answers for names that are not the cluster's.
func newOutside(t testing.TB) {
	t.Helper()
	newPlace(t, "vo", outsideAddr).In(func() {
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
	for _, p := range image.Programs {
		if p.Name == filepath.Base(program) {
			must(t, p.SetCapability(at))
		}
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
