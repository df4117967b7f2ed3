package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"

	"github.com/neardns/neardns/internal/image"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/manifests"
	"github.com/neardns/neardns/test/nodecache/run"
)

// demoEnv makes TestDemo end in a shell; see make demo-cluster.
const demoEnv = "NODE_DEMO"

// overlay is the overlay of the manifests that the demo runs.
const overlay = "iptables-nftables"

// TestDemo is what `make demo-cluster` shows: both programs as the manifests run them, in the root
// file systems of their images, in a cluster with some Services and a StatefulSet. It tries the
// commands of the banner and of docs/debug.md. With demoEnv, it ends in a shell in Pod a instead.
func TestDemo(t *testing.T) {
	w := newCluster(t, "nftables")
	objects, err := manifests.Render(filepath.Join(manifests.Dir(), "overlays", overlay))
	w.must(err)
	w.statefulSet("db", 3)
	w.demoDNS(objects)
	w.ready()
	node := w.demoCache(objects)
	rc := w.rc(node)
	if os.Getenv(demoEnv) != "" {
		w.shell(rc)
		return
	}
	for _, line := range w.demoLines() {
		out, err := w.netshoot("sh", "-c", line[0]).CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != line[1] {
			t.Errorf("%s: %q, %v, expected %q", line[0], got, err, line[1])
		}
	}
	for _, command := range documented(t) {
		if out, err := w.netshoot("bash", "-c", ". "+rc+"\n"+command).CombinedOutput(); err != nil || strings.Contains(string(out), "lost") {
			t.Errorf("docs/debug.md: %s: %v: %s", command, err, out)
		}
	}
}

// documented returns the commands of docs/debug.md.
func documented(t *testing.T) (commands []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/debug.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "    netshoot# "); ok {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	if len(commands) < 20 {
		t.Errorf("docs/debug.md has %d commands: has its form changed?", len(commands))
	}
	return commands
}

// demoLines returns commands of the banner and what they print.
func (w *world) demoLines() [][2]string {
	return [][2]string{
		{"dig +short web.default.svc.cluster.local", webIP},
		{"dig +short +search web", webIP},
		{"dig +short db-1.db.default.svc.cluster.local", "10.244.2.21"},
		{"dig +short SRV _dns._udp.db.default.svc.cluster.local | sort | head -1", "0 16 53 db-0.db.default.svc.cluster.local."},
		{"dig +short +tcp -x " + webIP, web + "."},
		{"dig +short @169.254.20.10 www.example.org", "198.51.100.1"},
		{"getent hosts web | grep -o '[^ ]*$'", web},
	}
}

// statefulSet makes a headless Service, and Pods as a StatefulSet does.
func (w *world) statefulSet(name string, pods int) {
	w.t.Helper()
	w.service("default", name, map[string]string{"app": name}, corev1.ClusterIPNone)
	for n := range pods {
		p := w.podObject("default", fmt.Sprintf("%s-%d", name, n), name)
		p.Spec.Hostname, p.Spec.Subdomain = p.Name, name
		w.must(w.CreatePod(context.Background(), p, fmt.Sprintf("10.244.2.2%d", n), fmt.Sprintf("fd00:244:2::2%d", n)))
	}
}

// demoRoot builds the root file system of a program's image and returns its path.
func (w *world) demoRoot(name string) string {
	w.t.Helper()
	i := slices.IndexFunc(image.Programs, func(p image.Program) bool { return p.Name == name })
	root := filepath.Join(w.t.TempDir(), "root")
	source, err := filepath.Abs("../..")
	w.must(err)
	w.must(image.Build{Source: source, Commit: "demo"}.Root(w.t.Context(), image.Programs[i], runtime.GOARCH, root))
	return root
}

// demoDNS starts the manifests' CoreDNS, and adds it to the cluster as a Pod when it answers.
func (w *world) demoDNS(objects manifests.Objects) {
	w.t.Helper()
	c, err := objects.ContainerOf("Deployment", "coredns", nodeName, map[string]string{
		"KUBERNETES_SERVICE_HOST": "10.244.9.1", "KUBERNETES_SERVICE_PORT": w.apiPort(),
	})
	w.must(err)
	maps.Copy(c.Files, w.account(objects))
	c.Files["/etc/resolv.conf"] = "nameserver " + outsideIP + "\n"
	cmd, err := c.Command(w.demoRoot("coredns"), "/coredns", c.Args...)
	w.must(err)
	cmd.Args = append([]string{"nsenter", "--net=" + w.dnsPod.Path}, cmd.Path)
	cmd.Path, err = exec.LookPath("nsenter")
	w.must(err)
	p := run.Start(w.t, cmd, w.t.TempDir())
	testkit.Eventually(w.t, "the cluster DNS answers", func() bool { return !p.Ended() && w.dnsPod.Dig(dnsAddr(2), web) == webIP })
	w.must(w.CreatePod(context.Background(), w.podObject("kube-system", "coredns-1", "kube-dns"), dnsAddr(2), "fd00:244:9::2"))
}

// account makes the manifests' service account with its rights. It returns the files that a kubelet
// mounts for it.
func (w *world) account(objects manifests.Objects) map[string]string {
	w.t.Helper()
	ctx := context.Background()
	var account corev1.ServiceAccount
	var role rbacv1.ClusterRole
	var binding rbacv1.ClusterRoleBinding
	for _, o := range objects {
		var into any
		switch o.GetKind() {
		case "ServiceAccount":
			into = &account
		case "ClusterRole":
			into = &role
		case "ClusterRoleBinding":
			into = &binding
		default:
			continue
		}
		w.must(kruntime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into))
	}
	_, err := w.Client().CoreV1().ServiceAccounts(account.Namespace).Create(ctx, &account, metav1.CreateOptions{})
	w.must(err)
	_, err = w.Client().RbacV1().ClusterRoles().Create(ctx, &role, metav1.CreateOptions{})
	w.must(err)
	_, err = w.Client().RbacV1().ClusterRoleBindings().Create(ctx, &binding, metav1.CreateOptions{})
	w.must(err)
	token, err := w.Client().CoreV1().ServiceAccounts(account.Namespace).CreateToken(ctx, account.Name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	w.must(err)
	const dir = "/var/run/secrets/kubernetes.io/serviceaccount/"
	return map[string]string{dir + "token": token.Status.Token, dir + "ca.crt": string(w.Config().CAData), dir + "namespace": account.Namespace}
}

// demoCache starts the manifests' node cache and waits until it takes the queries.
func (w *world) demoCache(objects manifests.Objects) *run.Process {
	w.t.Helper()
	c, err := objects.ContainerOf("DaemonSet", "nodecache", nodeName, map[string]string{"KUBE_DNS_UPSTREAM_SERVICE_HOST": "10.96.0.11"})
	w.must(err)
	c.Files["/etc/resolv.conf"] = "nameserver " + outsideIP + "\n"
	cmd, err := c.Command(w.demoRoot("nodecache"), "/nodecache", c.Args...)
	w.must(err)
	p := run.Start(w.t, cmd, w.t.TempDir())
	p.Logs("queries to these addresses are intercepted")
	return p
}

// netshoot returns a command in Pod a, with a resolv.conf as a kubelet writes it.
func (w *world) netshoot(args ...string) *exec.Cmd {
	w.t.Helper()
	const text = "nameserver %s\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
	w.must(os.WriteFile(w.a.resolve, fmt.Appendf(nil, text, clusterIP), 0o600))
	const enter = `mount --bind "$0" /etc/resolv.conf; hostname netshoot; exec "$@"`
	return w.a.Command(append([]string{"unshare", "--mount", "--uts", "sh", "-ec", enter, w.a.resolve}, args...)...)
}

// rc writes the functions and variables of the demo's shell to a file, and returns its path.
func (w *world) rc(node *run.Process) string {
	w.t.Helper()
	return run.Write(w.t, w.t.TempDir(), "rc", fmt.Sprintf(`PS1='netshoot:\w# '
node() { nsenter --net=/proc/%d/ns/net "$@"; }
pod_b() { nsenter --net=%s "$@"; }
kubectl() { %s kubectl "$@"; }
coredns() { %s "$@"; }
nodecache() { %s "$@"; }
export KUBECONFIG=%s NODECACHE=%d NODECACHE_LOG=%s
cd ../..
`, os.Getpid(), w.b.Path, kubernetes, coredns, run.Program(), w.config, node.PID(), filepath.Join(node.Dir, "log")))
}

// shell prints the banner and runs a shell at the terminal.
func (w *world) shell(rc string) {
	w.t.Helper()
	banner := `
You are in a Pod of a real cluster: kube-apiserver and kube-proxy 1.37, CoreDNS and the node
cache of manifests/overlays/` + overlay + `. Try:

`
	for _, line := range w.demoLines() {
		banner += fmt.Sprintf("    %-75s # %s\n", line[0], line[1])
	}
	banner += `
    node COMMAND      runs it on the node:      node conntrack -L; node nft list ruleset; node ip addr
    pod_b COMMAND     in another Pod
    kubectl get services,endpointslices -A
    kill -9 $NODECACHE; dig +short web.default.svc.cluster.local      # kube-proxy takes over at once
    node curl -s 127.0.0.1:9253/metrics | grep nodecache_;  cat $NODECACHE_LOG

exit, and nothing is left behind.
`
	fmt.Println(banner)
	cmd := w.netshoot("bash", "--noprofile", "--rcfile", rc, "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	_ = cmd.Run() // how the last command ended
}
