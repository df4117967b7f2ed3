package manifests

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

const (
	kubernetesName = "kubernetes.default.svc.cluster.local"
	kubernetesIP   = "10.96.0.1"
	outsideName    = "www.example.org"
	outsideIP      = "198.51.100.1"
)

// startCoreDNS starts the CoreDNS of applied objects, with its service account's token.
func startCoreDNS(t testing.TB, objects Objects, kind string) (*run.Process, *Container) {
	t.Helper()
	return startCoreDNSIn(t, newRoot(t, "coredns"), api.URL(), objects, kind)
}

// startCoreDNSIn starts it with a root file system and the URL of an API server.
func startCoreDNSIn(t testing.TB, root, apiServer string, objects Objects, kind string) (*run.Process, *Container) {
	t.Helper()
	at, err := url.Parse(apiServer)
	must(t, err)
	c, err := objects.ContainerOf(kind, "coredns", nodeName, map[string]string{
		"KUBERNETES_SERVICE_HOST": at.Hostname(), "KUBERNETES_SERVICE_PORT": at.Port(),
	})
	must(t, err)
	if c.User == 0 {
		c.User, c.Group = 65532, 65532 // the image's, where a manifest names none
	}
	maps.Copy(c.Files, token(t, objects, kind))
	cmd, err := c.Command(root, "/coredns", c.Args...)
	must(t, err)
	return run.Start(t, cmd, t.TempDir()), c
}

// token returns the files of the Pod's service account.
func token(t testing.TB, objects Objects, kind string) map[string]string {
	t.Helper()
	template, err := objects.Template(kind, "coredns")
	must(t, err)
	made, err := api.Client().CoreV1().ServiceAccounts(metav1.NamespaceSystem).CreateToken(t.Context(),
		template.Spec.ServiceAccountName, &authv1.TokenRequest{}, metav1.CreateOptions{})
	must(t, err)
	const dir = "/var/run/secrets/kubernetes.io/serviceaccount/"
	return map[string]string{
		dir + "token": made.Status.Token, dir + "ca.crt": string(api.Config().CAData), dir + "namespace": metav1.NamespaceSystem,
	}
}

// TestCoreDNS runs CoreDNS exactly as the manifests say, and as the official manifest says.
func TestCoreDNS(t *testing.T) {
	newOutside(t)
	node := newPlace(t, "vn", nodeAddr)
	for name, test := range map[string]struct {
		objects Objects
		kind    string
	}{
		"iptables-nftables": {render(t, "overlays/iptables-nftables"), "Deployment"},
		"authority-on-node": {render(t, "overlays/authority-on-node"), "DaemonSet"},
		"official":          {officialCoreDNS(t), "Deployment"},
	} {
		t.Run(name, func(t *testing.T) {
			secure(t, "privileged")
			newClient(t).applyAll(test.objects)
			p, c := startCoreDNS(t, test.objects, test.kind)
			node.digs(t, clusterAddr, kubernetesName, kubernetesIP)
			node.digs(t, clusterAddr, outsideName, outsideIP)
			for _, u := range []string{":8080/health", ":8181/ready", ":9153/metrics"} {
				if code, text := run.Get(t, "http://127.0.0.1"+u); code != 200 {
					t.Errorf("%s: %d %s", u, code, text)
				}
			}
			c.CheckRights(t, p.PID())
			checkEnd(t, p, test.objects, test.kind, "coredns", 5*time.Second)
			if lines := append(p.Logged("[ERROR]"), p.Logged("[WARNING]")...); len(lines) > 0 {
				t.Errorf("it complains: %q", lines)
			}
		})
	}
}

// TestCoreDNSRestarts kills a container of CoreDNS, and starts the next one of the Pod while there is no
// API server.
func TestCoreDNSRestarts(t *testing.T) {
	newOutside(t)
	node := newPlace(t, "vn", nodeAddr)
	secure(t, "privileged")
	for overlay, kind := range map[string]string{"overlays/iptables-nftables": "Deployment", "overlays/authority-on-node": "DaemonSet"} {
		t.Run(overlay, func(t *testing.T) {
			objects, root := render(t, overlay), newRoot(t, "coredns")
			newClient(t).applyAll(objects)
			p, _ := startCoreDNSIn(t, root, api.URL(), objects, kind)
			node.digs(t, clusterAddr, kubernetesName, kubernetesIP)
			testkit.Eventually(t, "the records are kept", func() bool {
				text, err := os.ReadFile(filepath.Join(root, "var/lib/neardns/cluster.json"))
				return err == nil && strings.Contains(string(text), `"name":"kubernetes"`)
			})
			kubectl(t, filepath.Join(root, "var/lib/neardns"),
				"kubectl create --dry-run=client -o name -f cluster.json | grep -qx service/kubernetes")
			p.Kill()
			p, _ = startCoreDNSIn(t, root, "https://127.0.0.1:1", objects, kind)
			node.digs(t, clusterAddr, kubernetesName, kubernetesIP)
			p.Logs("/var/lib/neardns/cluster.json: serving ", "until the Kubernetes API answers")
			if code, text := run.Get(t, "http://127.0.0.1:8181/ready"); code != 200 {
				t.Errorf("ready: %d %s", code, text)
			}
			p.Kill()
		})
	}
}

// TestRecordsOnNode adds the component that keeps records on the node to overlays.
func TestRecordsOnNode(t *testing.T) {
	for overlay, kind := range map[string]string{"iptables-nftables": "Deployment", "authority-on-node": "DaemonSet"} {
		dir := t.TempDir()
		must(t, os.CopyFS(dir, os.DirFS(Dir())))
		path := filepath.Join(dir, "overlays", overlay, "kustomization.yaml")
		before, err := os.ReadFile(path)
		must(t, err)
		after := strings.Replace(string(before), "- ../../images\n", "- ../../images\n- ../../records-on-node\n", 1)
		must(t, os.WriteFile(path, []byte(after), 0o600))
		objects, err := Render(filepath.Dir(path))
		must(t, err)
		newClient(t).applyAll(objects)
		c, err := objects.ContainerOf(kind, "coredns", nodeName, nil)
		must(t, err)
		if !slices.Equal(c.Host, []string{"/var/lib/neardns"}) || len(c.Empty) > 0 {
			t.Errorf("%s: of the node %q, empty %q", overlay, c.Host, c.Empty)
		}
	}
}

// checkEnd ends a Pod. That must take the lameduck time, and less than the grace period.
func checkEnd(t testing.TB, p *run.Process, objects Objects, kind, name string, lameduck time.Duration) {
	t.Helper()
	template, err := objects.Template(kind, name)
	must(t, err)
	grace := corev1.DefaultTerminationGracePeriodSeconds * time.Second
	if s := template.Spec.TerminationGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	if grace < lameduck+8*time.Second {
		t.Errorf("a grace period of %v is too short for %v and 8 s", grace, lameduck)
	}
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(grace); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took < lameduck {
		t.Errorf("ended after %v, expected %v at least", took, lameduck)
	}
}
