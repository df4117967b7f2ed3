package image

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/manifests"
	"github.com/neardns/neardns/test/nodecache/run"
)

const (
	upstream  = "10.96.0.11" // kube-dns-upstream, whose Pods are there too, and the node's resolver
	nobody    = "192.0.2.1"
	linkLocal = "169.254.20.10"
)

// roots are the two ways to build a root file system.
var roots = map[string]func(*testing.T, made) string{
	"make image-root": func(_ *testing.T, p made) string { return p.root },
	"make images":     fromArchive,
}

// fromArchive unpacks the layer of an image, as a container runtime does.
func fromArchive(t *testing.T, p made) string {
	t.Helper()
	top, err := layout.ImageIndexFromPath(unpack(t, p.archive))
	must(t, err)
	manifest, err := top.IndexManifest()
	must(t, err)
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	must(t, err)
	manifest, err = index.IndexManifest()
	must(t, err)
	img, err := index.Image(manifest.Manifests[0].Digest)
	must(t, err)
	layers, err := img.Layers()
	must(t, err)
	text, err := layers[0].Uncompressed()
	must(t, err)
	defer func() { _ = text.Close() }()
	to := t.TempDir()
	tar := exec.Command("tar", "-x", "--xattrs", "--xattrs-include=*", "-C", to)
	tar.Stdin = text
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, os.Chmod(to, 0o755)) // programs run there as another user
	return to
}

// alone moves the test and its children to a network namespace of their own.
func alone(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocks: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("no network namespace, which takes root: %v", err)
	}
	for _, args := range []string{"link set lo up", "addr add " + upstream + "/32 dev lo"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
}

// running is a program that is PID 1 of its container.
type running struct {
	*run.Process
	pid int // as seen from here
}

// container returns the container that the manifests describe, on a node with a resolver.
func container(t *testing.T, kind, name, resolver string) *manifests.Container {
	t.Helper()
	objects, err := manifests.Render(filepath.Join(manifests.Dir(), "overlays", "iptables-nftables"))
	must(t, err)
	c, err := objects.ContainerOf(kind, name, "node-1", map[string]string{
		"KUBERNETES_SERVICE_HOST": nobody, "KUBERNETES_SERVICE_PORT": "443",
		"KUBE_DNS_UPSTREAM_SERVICE_HOST": upstream, "KUBE_DNS_UPSTREAM_SERVICE_PORT": "53",
	})
	must(t, err)
	c.Files["/etc/resolv.conf"] = "nameserver " + resolver + "\n"
	c.Files["/var/run/secrets/kubernetes.io/serviceaccount/token"] = "none"
	return c
}

// start starts a container. It has namespaces of its own, except that of the network, which is the
// test's.
func start(t *testing.T, c *manifests.Container, root, name string) *running {
	t.Helper()
	cmd, err := c.Command(root, "/"+name, c.Args...)
	must(t, err)
	inside := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", cmd.Path)
	inside.Env, inside.SysProcAttr = cmd.Env, cmd.SysProcAttr
	p := &running{Process: run.Start(t, inside, t.TempDir())}
	children := fmt.Sprintf("/proc/%d/task/%[1]d/children", p.PID())
	testkit.Eventually(t, name+" is started", func() bool {
		text, _ := os.ReadFile(children)
		p.pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
		return filepath.Base(program) == name || p.Ended()
	})
	return p
}

// check compares the program's user and rights with those of the manifest, and with the
// capabilities as /proc/PID/status writes them.
func (p *running) check(t *testing.T, c *manifests.Container, capabilities string) {
	t.Helper()
	c.CheckRights(t, p.pid)
	status := manifests.Status(t, p.pid)
	run.Equal(t, "capabilities", status["CapEff"], capabilities)
	if id := status["NSpid"]; !strings.HasSuffix(id, " 1") {
		t.Errorf("NSpid %s, expected PID 1", id)
	}
	at := fmt.Sprintf("/proc/%d/root/new", p.pid)
	if err := os.WriteFile(at, nil, 0o600); err == nil {
		t.Error("the root file system can be written to")
	}
}

// stop ends the program as a kubelet does.
func (p *running) stop(t *testing.T) {
	t.Helper()
	must(t, syscall.Kill(p.pid, syscall.SIGTERM))
	if code := p.Wait(testkit.Patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// answers waits for an answer at port 53.
func answers(t *testing.T, addr, name, want string) {
	t.Helper()
	var got string
	defer func() {
		if got != want {
			t.Logf("the last answer was %q", got)
		}
	}()
	testkit.Eventually(t, fmt.Sprintf("%s at %s is %q", name, addr, want), func() bool {
		got = run.TryDig(netip.MustParseAddrPort(addr+":53"), name).String()
		return got == want
	})
}

// TestCoreDNS shows that CoreDNS can bind port 53 without being root: by its file capability.
func TestCoreDNS(t *testing.T) {
	for how, root := range roots {
		t.Run(how, func(t *testing.T) {
			alone(t)
			c := container(t, "Deployment", "coredns", nobody)
			p := start(t, c, root(t, programs["coredns"]), "coredns")
			answers(t, "127.0.0.1", "kubernetes.default.svc.cluster.local", "SERVFAIL") // as it has no API server
			p.check(t, c, "0000000000000400")
			p.stop(t)
		})
	}
}

// TestNoCapability shows that CoreDNS does not start without the file capability.
func TestNoCapability(t *testing.T) {
	alone(t)
	root := fromArchive(t, programs["coredns"])
	must(t, unix.Removexattr(filepath.Join(root, "coredns"), "security.capability"))
	p := start(t, container(t, "Deployment", "coredns", nobody), root, "coredns")
	if code := p.Wait(testkit.Patience); code < 1 || len(p.Logged("permission denied")) == 0 {
		t.Errorf("exit code %d: %s", code, p.Log())
	}
}

// TestNodeCache shows that the node cache runs as root with two capabilities.
func TestNodeCache(t *testing.T) {
	for how, root := range roots {
		t.Run(how, func(t *testing.T) {
			alone(t)
			testkit.Start(t, &testkit.Server{Addr: netip.MustParseAddrPort(upstream + ":53"), Play: testkit.Address(upstream, 60)})
			c := container(t, "DaemonSet", "nodecache", upstream)
			p := start(t, c, root(t, programs["nodecache"]), "nodecache")
			for _, name := range []string{"kubernetes.default.svc.cluster.local.", "www.example.org."} {
				answers(t, linkLocal, name, "NOERROR; "+name+" A "+upstream)
			}
			p.check(t, c, "0000000000001400")
			for _, probe := range []string{"live", "ready"} {
				at := []string{"-t", strconv.Itoa(p.pid), "--pid", "--mount", "--root", "--wd", "/nodecache", "-probe", probe}
				if out, err := exec.Command("nsenter", at...).CombinedOutput(); err != nil {
					t.Errorf("-probe %s: %v: %s", probe, err, out)
				}
			}
			p.stop(t)
		})
	}
}
