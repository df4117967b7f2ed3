package hard

import (
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/cluster"
	"github.com/neardns/neardns/test/nodecache/run"
)

// The world of the tests of cuts.
const (
	namespaces = 20
	special    = "special.com.team-19.svc.cluster.local." // in a hosts file, below what is denied
	specialIs  = "192.0.2.19"
	legacy     = "git.legacy.svc.cluster.local."      // in a hosts file, in a namespace that does not exist
	noted      = "note.web.team-5.svc.cluster.local." // has a TXT record, below a Service
	keepLong   = 30                                   // TTL of a denial, in seconds
	keepBrief  = 4
)

// world is a cluster with namespaces, and stock CoreDNS for it.
type world struct {
	*cluster.Cluster
	t           *testing.T
	long, brief netip.AddrPort // the server's addresses: denials have the TTL keepLong, keepBrief
	metrics     netip.AddrPort
}

// newWorld starts a world.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{cluster.ForTest(t, cluster.Options{}), t, testkit.FreeAddr(t), testkit.FreeAddr(t), testkit.FreeAddr(t)}
	for i := range namespaces {
		if err := w.CreateNamespace(t.Context(), fmt.Sprintf("team-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	run.StockDNS(t, w.long, w.corefile(w.long, keepLong)+w.corefile(w.brief, keepBrief))
	return w
}

// corefile returns the part of stock CoreDNS's Corefile for an address.
func (w *world) corefile(addr netip.AddrPort, ttl int) string {
	return fmt.Sprintf(`cluster.local:%[1]d in-addr.arpa:%[1]d {
	bind 127.0.0.1
	prometheus %[2]s
	hosts {
		%[3]s %[4]s %[5]s
		fallthrough
	}
	template IN TXT %[6]s {
		answer "{{ .Name }} 30 IN TXT here"
	}
	kubernetes cluster.local in-addr.arpa {
		kubeconfig %[7]s
		ttl %[8]d
	}
}
`, addr.Port(), w.metrics, specialIs, special, legacy, noted, w.Kubeconfig(), ttl)
}

// asked returns how many queries the server had for a zone: cluster.local. or in-addr.arpa.
func (w *world) asked(zone string) int {
	w.t.Helper()
	return int(run.Scrape(w.t, w.metrics.String()).Sum("coredns_dns_requests_total", `zone="`+zone+`"`))
}

// node starts a node cache that asks the server at addr. More options for its cache are given.
func (w *world) node(addr netip.AddrPort, cache string) *node {
	w.t.Helper()
	const text = "cluster.local in-addr.arpa {\n\tbind 0.0.0.0\n\terrors\n\tcache {\n\t\tsuccess 9984 30\n\t\t%s\n\t}\n\tforward . %s {\n\t\tforce_tcp\n\t}\n}\n"
	return start(w.t, fmt.Sprintf(text, cache, addr))
}

// headless creates a headless Service with one endpoint, whose name is below the Service's.
func (w *world) headless(namespace, service, host, addr string) {
	w.t.Helper()
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: service},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	if _, err := w.Client().CoreV1().Services(namespace).Create(w.t.Context(), s, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
	ready := true
	e := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: service, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{addr}, Hostname: &host, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	}
	if _, err := w.Client().DiscoveryV1().EndpointSlices(namespace).Create(w.t.Context(), e, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}
