package node

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/cluster"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// Addresses that are asked.
const (
	linkLocal  = "169.254.20.10"
	linkLocal6 = "fd00:20::10"
	clusterIP  = "10.96.0.10"
	clusterIP6 = "fd00:10:96::a"
	outsideIP  = "10.244.8.9"
	nodeName   = "node-1"
)

// Names that are asked for, and their addresses.
const (
	web      = "web.default.svc.cluster.local"
	webIP    = "10.96.0.80"
	webIP6   = "fd00:10:96::80"
	peers    = "peers.default.svc.cluster.local"
	alias    = "alias.default.svc.cluster.local"
	external = "www.example.org"
)

// world is a node in a cluster.
type world struct {
	*cluster.Cluster
	t       *testing.T
	a, b    *pod
	dnsPod  *pod                 // of the cluster DNS
	out     *pod                 // of what is outside the cluster
	config  string               // how the cluster DNS reaches the API server
	mode    string               // of kube-proxy
	servers map[int]*run.Process // of the cluster DNS, by the last number of the address
}

// newWorld starts everything but the node cache.
func newWorld(t *testing.T, mode string) *world {
	t.Helper()
	w := newCluster(t, mode)
	w.addDNS(2)
	w.addDNS(3)
	w.ready()
	return w
}

// newCluster starts everything but the node cache and the cluster DNS.
func newCluster(t *testing.T, mode string) *world {
	t.Helper()
	w := &world{t: t, mode: mode, servers: map[int]*run.Process{}}
	w.a, w.b, w.dnsPod, w.out = newPod(t, 1, "va"), newPod(t, 2, "vb"), newPod(t, 9, "vd"), newPod(t, 8, "vo")
	netns.Sh(t, "ip route add default via 10.244.8.9; ip -6 route add default via fd00:244:8::9") // as every node has one
	w.Cluster = cluster.ForTest(t, cluster.Options{
		Binary: kubernetes, APIServerArgs: []string{"--bind-address=0.0.0.0"}, Addresses: []net.IP{net.IPv4(10, 244, 9, 1)},
	})
	w.kubeconfig()
	w.objects()
	w.startProxy()
	w.outside()
	return w
}

// ready waits until kube-proxy knows the cluster DNS.
func (w *world) ready() {
	w.t.Helper()
	testkit.Eventually(w.t, "kube-proxy knows the cluster DNS", func() bool {
		return w.a.Dig(clusterIP, web) == webIP && w.b.Dig(clusterIP6, web) == webIP && w.a.Dig("10.96.0.11", web) == webIP
	})
}

// kubeconfig writes the file by which the cluster DNS reaches the API server.
func (w *world) kubeconfig() {
	c, err := w.ConfigFor("dns", "system:masters")
	w.must(err)
	file := api.NewConfig()
	file.Clusters["c"] = &api.Cluster{
		Server:                   "https://10.244.9.1:" + w.apiPort(),
		CertificateAuthorityData: c.CAData,
	}
	file.AuthInfos["c"] = &api.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	file.Contexts["c"] = &api.Context{Cluster: "c", AuthInfo: "c"}
	file.CurrentContext = "c"
	w.config = filepath.Join(w.t.TempDir(), "kubeconfig")
	w.must(clientcmd.WriteToFile(*file, w.config))
}

// apiPort is the port of the API server.
func (w *world) apiPort() string { return w.URL()[strings.LastIndexByte(w.URL(), ':')+1:] }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// objects makes the node and the Services.
func (w *world) objects() {
	ctx := context.Background()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName},
		Spec:       corev1.NodeSpec{PodCIDR: "10.244.0.0/16", PodCIDRs: []string{"10.244.0.0/16", "fd00:244::/32"}},
	}
	node, err := w.Client().CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	w.must(err)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.244.1.1"}, {Type: corev1.NodeInternalIP, Address: "fd00:244:1::1"}}
	_, err = w.Client().CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	w.must(err)

	dns := map[string]string{"k8s-app": "kube-dns"}
	w.service("kube-system", "kube-dns", dns, clusterIP, clusterIP6)
	w.service("kube-system", "kube-dns-upstream", dns, "10.96.0.11", "fd00:10:96::b")
	w.service("kube-system", "kube-dns-pods", dns, corev1.ClusterIPNone)
	w.service("default", "web", map[string]string{"app": "web"}, webIP, webIP6)
	w.service("default", "peers", map[string]string{"app": "peers"}, corev1.ClusterIPNone)
	w.must(w.CreatePod(ctx, w.podObject("default", "peer-0", "peers"), "10.244.2.7", "fd00:244:2::7"))
	named := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "alias"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: external},
	}
	_, err = w.Client().CoreV1().Services("default").Create(ctx, named, metav1.CreateOptions{})
	w.must(err)
}

func (w *world) podObject(namespace, name, app string) *corev1.Pod {
	label := map[string]string{"app": app}
	if app == "kube-dns" {
		label = map[string]string{"k8s-app": app}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: label},
		Spec:       corev1.PodSpec{NodeName: nodeName},
	}
}

// service makes a Service with the ports of DNS and both families.
func (w *world) service(namespace, name string, selector map[string]string, ips ...string) {
	w.t.Helper()
	both := corev1.IPFamilyPolicyRequireDualStack
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{
			Selector: selector, ClusterIP: ips[0], ClusterIPs: ips, IPFamilyPolicy: &both,
			IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol},
			Ports: []corev1.ServicePort{
				{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53}, {Name: "dns-tcp", Protocol: corev1.ProtocolTCP, Port: 53},
			},
		},
	}
	_, err := w.Client().CoreV1().Services(namespace).Create(context.Background(), s, metav1.CreateOptions{})
	w.must(err)
}

// outside starts the server for names that are not the cluster's.
func (w *world) outside() {
	w.coreDNS(w.out, `.:53 {
	bind `+outsideIP+`
	template IN A {
		answer "{{ .Name }} 60 IN A 198.51.100.1"
	}
	template IN AAAA {
		answer "{{ .Name }} 60 IN AAAA 2001:db8::1"
	}
}
`)
}

// addDNS starts a Pod of the cluster DNS at the addresses with a last number, and waits until it
// answers.
func (w *world) addDNS(host int) {
	w.t.Helper()
	w.dnsPod.address(host)
	p := w.coreDNS(w.dnsPod, fmt.Sprintf(`.:53 {
	bind 10.244.9.%d fd00:244:9::%[1]d
	errors
	kubernetes cluster.local in-addr.arpa ip6.arpa {
		kubeconfig %[2]s
	}
	forward . %[3]s
	cache 30
	loadbalance
}
`, host, w.config, outsideIP))
	testkit.Eventually(w.t, "the cluster DNS answers", func() bool {
		return !p.Ended() && w.dnsPod.Dig(fmt.Sprintf("10.244.9.%d", host), web) == webIP
	})
	w.servers[host] = p
	w.must(w.CreatePod(context.Background(), w.podObject("kube-system", fmt.Sprintf("dns-%d", host), "kube-dns"),
		fmt.Sprintf("10.244.9.%d", host), fmt.Sprintf("fd00:244:9::%d", host)))
}

// dnsHosts returns the last numbers of the addresses of the cluster DNS's Pods.
func (w *world) dnsHosts() []int { return slices.Collect(maps.Keys(w.servers)) }

// spare returns the last numbers that no Pod of the cluster DNS has.
func (w *world) spare() (free []int) {
	for host := 2; host < 9; host++ {
		if w.servers[host] == nil {
			free = append(free, host)
		}
	}
	return free
}

func dnsAddr(host int) string { return fmt.Sprintf("10.244.9.%d", host) }

// coreDNS starts a CoreDNS in a namespace.
func (w *world) coreDNS(in *pod, corefile string) *run.Process {
	w.t.Helper()
	dir := w.t.TempDir()
	run.Write(w.t, dir, "Corefile", corefile)
	return run.Start(w.t, in.Command(coredns, "-conf", "Corefile"), dir)
}

// removeDNS deletes a Pod of the cluster DNS. As in Kubernetes, its process goes on for a while. Then
// its addresses go too, so nothing refuses a connection there.
func (w *world) removeDNS(host int) {
	w.t.Helper()
	none := int64(0)
	w.must(w.Client().CoreV1().Pods("kube-system").Delete(context.Background(), fmt.Sprintf("dns-%d", host), metav1.DeleteOptions{GracePeriodSeconds: &none}))
	p := w.servers[host]
	delete(w.servers, host)
	time.Sleep(3 * time.Second) // as long as others may still use it
	p.Stop()
	w.dnsPod.noAddress(host)
}
