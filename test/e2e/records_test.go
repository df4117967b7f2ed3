package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neardns/neardns/test/nodecache/run"
)

func TestClusterIP(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "cluster-ip")
	before := n.vip("before")
	s := serve(t, "kubeconfig "+streaming.Kubeconfig())
	s.expect(n.svc("before"), "A", "NOERROR A "+before)
	s.expect(n.svc("web"), "A", "NXDOMAIN")

	dual := corev1.IPFamilyPolicyRequireDualStack
	web := n.service("web", corev1.ServiceSpec{IPFamilyPolicy: &dual})
	s.expect(n.svc("web"), "A", "NOERROR A "+web.Spec.ClusterIPs[0])
	s.expect(n.svc("web"), "AAAA", "NOERROR AAAA "+web.Spec.ClusterIPs[1])
	s.expect("_http._tcp."+n.svc("before"), "SRV", "NOERROR SRV 0 100 80 "+n.svc("before")+".")
	s.expect(reverse(t, web.Spec.ClusterIPs[0]), "PTR", "NOERROR PTR "+n.svc("web")+".")
	s.expect(reverse(t, web.Spec.ClusterIPs[1]), "PTR", "NOERROR PTR "+n.svc("web")+".")

	b, err := n.client.CoreV1().Services(n.name).Get(t.Context(), "before", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Spec.Ports[0].Port = 8080
	if _, err := n.client.CoreV1().Services(n.name).Update(t.Context(), b, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect("_http._tcp."+n.svc("before"), "SRV", "NOERROR SRV 0 100 8080 "+n.svc("before")+".")

	n.deleteService("web")
	s.expect(n.svc("web"), "A", "NXDOMAIN")
	s.expect(reverse(t, web.Spec.ClusterIPs[0]), "PTR", "NXDOMAIN")
	s.expect(n.svc("before"), "A", "NOERROR A "+before)
}

func TestExternalName(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "external")
	s := serve(t, "kubeconfig "+streaming.Kubeconfig())
	n.service("mail", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "mail.example.com"})
	s.expect(n.svc("mail"), "CNAME", "NOERROR CNAME mail.example.com.")
}

func TestPods(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "pods")
	s := serve(t, "kubeconfig "+streaming.Kubeconfig(), "pods verified")
	n.service("db", corev1.ServiceSpec{ClusterIP: "None", Selector: map[string]string{"app": "db"}})
	n.pod("db-0", "db", "10.244.1.1", corev1.PodSpec{Hostname: "db-0", Subdomain: "db"})
	n.pod("db-1", "db", "10.244.1.2", corev1.PodSpec{})

	s.expect(n.svc("db"), "A", "NOERROR A 10.244.1.1 A 10.244.1.2")
	s.expect(n.svc("db-0.db"), "A", "NOERROR A 10.244.1.1")
	s.expect(n.svc("10-244-1-2.db"), "A", "NOERROR A 10.244.1.2")
	s.expect(n.svc("_http._tcp.db"), "SRV",
		fmt.Sprintf("NOERROR SRV 0 50 80 %s. SRV 0 50 80 %s.", n.svc("10-244-1-2.db"), n.svc("db-0.db")))
	s.expect(reverse(t, "10.244.1.1"), "PTR", "NOERROR PTR "+n.svc("db-0.db")+".")
	s.expect("10-244-1-1.pods.pod.cluster.local", "A", "NOERROR A 10.244.1.1")
	s.expect("10-244-1-3.pods.pod.cluster.local", "A", "NXDOMAIN")

	if err := streaming.SetPodReady(t.Context(), n.name, "db-1", false); err != nil {
		t.Fatal(err)
	}
	s.expect(n.svc("db"), "A", "NOERROR A 10.244.1.1")
	s.expect("10-244-1-2.pods.pod.cluster.local", "A", "NOERROR A 10.244.1.2")
	if err := streaming.SetPodReady(t.Context(), n.name, "db-1", true); err != nil {
		t.Fatal(err)
	}
	s.expect(n.svc("db"), "A", "NOERROR A 10.244.1.1 A 10.244.1.2")

	n.deletePod("db-0")
	s.expect(n.svc("db"), "A", "NOERROR A 10.244.1.2")
	s.expect(n.svc("db-0.db"), "A", "NXDOMAIN")
	s.expect("10-244-1-1.pods.pod.cluster.local", "A", "NXDOMAIN")
	s.expect(reverse(t, "10.244.1.1"), "PTR", "NXDOMAIN")
}

// reverse returns the name of an address's PTR record.
func reverse(t *testing.T, addr string) string {
	t.Helper()
	name, err := dns.ReverseAddr(netip.MustParseAddr(addr).String())
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestServingEndpoints shows what serving_endpoints does for a headless Service whose last endpoints
// terminate, and that without it the name is denied, with the reason (RFC 8914).
func TestServingEndpoints(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "serving")
	with := serve(t, "kubeconfig "+streaming.Kubeconfig(), "serving_endpoints")
	without := serve(t, "kubeconfig "+streaming.Kubeconfig())
	n.service("db", corev1.ServiceSpec{ClusterIP: "None"})
	slices := n.client.DiscoveryV1().EndpointSlices(n.name)
	ptr := func(b bool) *bool { return &b }
	ready := discoveryv1.EndpointConditions{Ready: ptr(true), Serving: ptr(true), Terminating: ptr(false)}
	ending := discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(true), Terminating: ptr(true)}
	http, tcp, port := "http", corev1.ProtocolTCP, int32(80)
	s, err := slices.Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "db-1", Labels: map[string]string{discoveryv1.LabelServiceName: "db"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &http, Protocol: &tcp, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.244.7.1"}, Conditions: ready}, {Addresses: []string{"10.244.7.2"}, Conditions: ending},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*server{with, without} {
		server.expect(n.svc("db"), "A", "NOERROR A 10.244.7.1")
	}
	s.Endpoints[0].Conditions = ending
	if _, err := slices.Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	with.expect(n.svc("db"), "A", "NOERROR A 10.244.7.1 A 10.244.7.2")
	with.expect(n.svc("_http._tcp.db"), "SRV", fmt.Sprintf("NOERROR SRV 0 50 80 %s. SRV 0 50 80 %s.", n.svc("10-244-7-1.db"), n.svc("10-244-7-2.db")))
	with.expect(reverse(t, "10.244.7.1"), "PTR", "NXDOMAIN") // PTR records are of ready endpoints
	without.expect(n.svc("db"), "A", "NXDOMAIN")
	want := "; EDE: 0 (Other): (service serving/db has no ready endpoints (2 not ready))"
	if a := run.Dig(t, without.addr, n.svc("db")); !strings.Contains(a.Text, want) {
		t.Errorf("want %s:\n%s", want, a.Text)
	}
}
