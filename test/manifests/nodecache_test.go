package manifests

import (
	"context"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestNodeCache runs the node cache exactly as the manifests say, beside the CoreDNS of the same
// overlay.
func TestNodeCache(t *testing.T) {
	newOutside(t)
	must(t, api.CreateNode(t.Context(), nodeName, "zone"))
	t.Cleanup(func() {
		_ = api.Client().CoreV1().Nodes().Delete(context.Background(), nodeName, metav1.DeleteOptions{})
	})
	for overlay, at := range map[string][]string{ // where Pods ask
		"iptables-nftables": {"169.254.20.10", "10.96.0.10"},
		"link-local-only":   {"169.254.20.10"},
		"ipvs":              {"169.254.20.10"},
		"dual-stack":        {"169.254.20.10", "10.96.0.10", "fd00:20::10", "fd00:10:96::a"},
		"cilium":            {nodeAddr},
	} {
		t.Run(overlay, func(t *testing.T) {
			secure(t, "privileged")
			objects := render(t, "overlays/"+overlay)
			serveCluster(t, objects)
			n := startNodeCache(t, objects, "nodecache")
			for _, addr := range at {
				n.at.digs(t, addr, kubernetesName, kubernetesIP)
				n.at.digs(t, addr, outsideName, outsideIP)
			}
			n.checkProbes(t, objects)
			n.checkPages(t, at)
			n.checkFollows(t)
			n.container.CheckRights(t, n.PID())
			checkEnd(t, n.Process, objects, "DaemonSet", "nodecache", 5*time.Second)
			if lines := n.Logged("level=ERROR"); len(lines) > 0 {
				t.Errorf("it complains: %q", lines)
			}
		})
	}
}

// TestOfficialNodeCache runs ours in place of the official one.
func TestOfficialNodeCache(t *testing.T) {
	newOutside(t)
	secure(t, "privileged")
	serveCluster(t, render(t, "overlays/authority-on-node"))
	c := newClient(t)
	objects := officialNodeCache(t)
	c.applyAll(objects)
	n := startNodeCache(t, objects, "node-local-dns")
	for _, addr := range []string{"169.254.20.10", "10.96.0.10"} {
		n.at.digs(t, addr, kubernetesName, kubernetesIP)
		n.at.digs(t, addr, outsideName, outsideIP)
	}
	if page := n.at.get("169.254.20.10:8080", "/health"); page != "OK" {
		t.Errorf("/health, which its livenessProbe asks: %q", page)
	}
	n.container.CheckRights(t, n.PID())
	checkEnd(t, n.Process, objects, "DaemonSet", "node-local-dns", 0)
}

// serveCluster applies an overlay, starts its CoreDNS and makes its Pod ready.
func serveCluster(t *testing.T, objects Objects) {
	t.Helper()
	newClient(t).applyAll(objects)
	kind := "Deployment"
	if objects.Find(kind, "coredns") == nil {
		kind = "DaemonSet"
	}
	template, err := objects.Template(kind, "coredns")
	must(t, err)
	startCoreDNS(t, objects, kind)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "coredns-1", Labels: template.Labels},
		Spec:       template.Spec,
	}
	pod.Spec.NodeName = nodeName
	must(t, api.CreatePod(t.Context(), pod, clusterAddr))
	t.Cleanup(func() {
		_ = api.Client().CoreV1().Pods(pod.Namespace).Delete(context.Background(), pod.Name, *metav1.NewDeleteOptions(0))
	})
}

// nodeCache is a node cache that runs on the node.
type nodeCache struct {
	*run.Process
	at        *place
	root      string
	container *Container
}

// startNodeCache starts the node cache of applied objects, on a new node.
func startNodeCache(t *testing.T, objects Objects, name string) *nodeCache {
	t.Helper()
	n := &nodeCache{at: newPlace(t, "vn", nodeAddr), root: newRoot(t, "nodecache")}
	upstream, err := api.Client().CoreV1().Services(metav1.NamespaceSystem).Get(t.Context(), "kube-dns-upstream", metav1.GetOptions{})
	must(t, err)
	netns.Sh(t, "ip addr add "+upstream.Spec.ClusterIP+"/32 dev lo") // instead of kube-proxy
	t.Cleanup(func() { netns.Sh(t, "ip addr del "+upstream.Spec.ClusterIP+"/32 dev lo") })
	n.container, err = objects.ContainerOf("DaemonSet", name, nodeName, map[string]string{
		"KUBE_DNS_UPSTREAM_SERVICE_HOST": upstream.Spec.ClusterIP, "KUBE_DNS_UPSTREAM_SERVICE_PORT": "53",
	})
	must(t, err)
	template, err := objects.Template("DaemonSet", name)
	must(t, err)
	if s := template.Spec.SecurityContext; s != nil {
		for _, sysctl := range s.Sysctls {
			n.at.Sh("sysctl -qw " + sysctl.Name + "=" + sysctl.Value)
		}
	}
	n.Process = run.Start(t, n.command(t, n.container.Args...), t.TempDir())
	n.Logs("answering")
	return n
}

// command returns a command that runs nodecache in the container.
func (n *nodeCache) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd, err := n.container.Command(n.root, "/nodecache", args...)
	must(t, err)
	return n.at.move(cmd)
}

// checkProbes runs the probes of the manifest.
func (n *nodeCache) checkProbes(t *testing.T, objects Objects) {
	t.Helper()
	template, err := objects.Template("DaemonSet", "nodecache")
	must(t, err)
	c := template.Spec.Containers[0]
	for name, probe := range map[string]*corev1.Probe{"live": c.LivenessProbe, "ready": c.ReadinessProbe} {
		want := []string{"/nodecache", "-probe", name}
		if !slices.Equal(probe.Exec.Command, want) {
			t.Errorf("probe %v, expected %v", probe.Exec.Command, want)
		}
		if out, err := n.command(t, probe.Exec.Command[1:]...).CombinedOutput(); err != nil {
			t.Errorf("-probe %s: %v: %s", name, err, out)
		}
	}
}

// checkPages shows that metrics are served at the node's address and on loopback, and that no page
// is served at the addresses that Pods ask.
func (n *nodeCache) checkPages(t *testing.T, asked []string) {
	t.Helper()
	for _, addr := range []string{nodeAddr, "127.0.0.1"} {
		if !strings.Contains(n.at.get(addr+":9253", "/metrics"), "coredns_build_info") {
			t.Errorf("no metrics at %s", addr)
		}
	}
	if page := n.at.get("127.0.0.1:9254", "/health"); page != "OK" {
		t.Errorf("/health: %q", page)
	}
	for _, addr := range slices.DeleteFunc(slices.Clone(asked), func(a string) bool { return a == nodeAddr }) {
		for port, path := range map[string]string{"8080": "/health", "9253": "/metrics", "9254": "/health", "9353": "/metrics"} {
			if page := n.at.get(net.JoinHostPort(addr, port), path); page != "" {
				t.Errorf("a page at %s, port %s: %.80q", addr, port, page)
			}
		}
	}
}

// checkFollows waits until the node cache asks CoreDNS's Pod instead of kube-dns-upstream.
func (n *nodeCache) checkFollows(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, "it follows kube-dns-pods", func() bool {
		n.at.Dig(n.asked(), "new-"+time.Now().Format("150405.000")[7:]+".default.svc.cluster.local")
		return strings.Contains(n.at.get("127.0.0.1:9253", "/metrics"), `coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NXDOMAIN",to="`+clusterAddr+`:53"}`)
	})
}

// asked returns an address at which the node cache answers.
func (n *nodeCache) asked() string {
	if slices.Contains(n.container.Args, "0.0.0.0") {
		return nodeAddr
	}
	return "169.254.20.10"
}
