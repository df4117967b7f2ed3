package manifests

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
)

const (
	clusterAddr = "10.244.9.1" // of CoreDNS's only Pod
	nodeAddr    = podIP
	outsideAddr = "10.244.8.2"
	nodeName    = "node-1"
)

// place is a network namespace that a pair of veth leads to.
type place struct {
	*netns.Host
}

// newPlace makes a place with an address. It is of a /24 in which .1 is ours.
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

// get returns the page at addr, as seen from there. It is empty if nothing serves it.
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

// move returns cmd as a command that runs there.
func (p *place) move(cmd *exec.Cmd) *exec.Cmd {
	moved := p.Command(cmd.Args...)
	moved.Env, moved.SysProcAttr = cmd.Env, cmd.SysProcAttr
	return moved
}

// digs waits until a query from there gets an answer.
func (p *place) digs(t testing.TB, server, name, want string) {
	t.Helper()
	var got string
	defer func() {
		if got != want {
			t.Logf("the last answer was %q", got)
		}
	}()
	testkit.Eventually(t, fmt.Sprintf("dig @%s %s prints %q", server, name, want), func() bool {
		got = p.Dig(server, name)
		return got == want
	})
}

// newOutside starts a server for names outside the cluster.
func newOutside(t testing.TB) {
	t.Helper()
	newPlace(t, "vo", outsideAddr).In(func() {
		testkit.Start(t, &testkit.Server{Addr: netip.MustParseAddrPort(outsideAddr + ":53"), Play: testkit.Address("198.51.100.1", 60)})
	})
}

// newRoot makes a root file system of a program, as its image has it. Its files are hard links to
// those in roots: a test may add files, and must not change these.
func newRoot(t testing.TB, program string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if out, err := exec.Command("cp", "-al", roots[program], root).CombinedOutput(); err != nil {
		t.Fatalf("copying the root file system: %v: %s", err, out)
	}
	must(t, writeFile(filepath.Join(root, "etc", "resolv.conf"), "nameserver "+outsideAddr+"\n"))
	return root
}
