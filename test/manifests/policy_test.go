package manifests

import (
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// end is one end of a connection, as a network plugin sees it.
type end struct {
	addr      string
	namespace string            // of a Pod, empty for what is none
	labels    map[string]string // of a Pod
}

// The ends.
var (
	ofTeam     = end{"10.244.1.2", "team-1", map[string]string{"app": "web"}}
	coreDNS    = end{"10.244.9.2", "kube-system", map[string]string{"k8s-app": "kube-dns"}}
	cachePod   = end{"10.244.1.9", "kube-system", map[string]string{"k8s-app": "nodecache"}}
	dashboard  = end{"10.244.9.7", "kube-system", map[string]string{"k8s-app": "dashboard"}}
	pretender  = end{"10.244.9.8", "team-2", map[string]string{"k8s-app": "kube-dns"}}
	prometheus = end{"10.244.9.6", "monitoring", map[string]string{"app.kubernetes.io/name": "prometheus"}}
	onNode     = end{addr: "169.254.20.10"}
	service    = end{addr: "10.96.0.10"}
	onNode6    = end{addr: "fd00:20::10"}
	service6   = end{addr: "fd00:10:96::a"}
	apiService = end{addr: "10.96.0.1"}
	metadata   = end{addr: "169.254.169.254"}
	node       = end{addr: "192.168.7.7"}
	internet   = end{addr: "203.0.113.5"}
)

// TestPolicies decides for each connection whether the NetworkPolicies allow it, by the API's
// definition of their fields.
func TestPolicies(t *testing.T) {
	var dns, coredns networkingv1.NetworkPolicy
	must(t, render(t, "network-policies/namespace").decode("NetworkPolicy", "dns", &dns))
	must(t, render(t, "network-policies/coredns").decode("NetworkPolicy", "coredns", &coredns))
	if s := (metav1.LabelSelector{}); !slices.Equal(dns.Spec.PolicyTypes, []networkingv1.PolicyType{"Egress"}) || dns.Spec.PodSelector.String() != s.String() {
		t.Errorf("the namespace's is about %v of Pods %v", dns.Spec.PolicyTypes, dns.Spec.PodSelector)
	}
	out, in := dns.Spec.Egress[0], coredns.Spec.Ingress[0]
	for _, to := range []struct {
		end  end
		want bool
	}{
		{onNode, true}, {service, true}, {onNode6, true}, {service6, true}, {coreDNS, true}, {cachePod, true},
		{dashboard, false}, {pretender, false}, {apiService, false}, {metadata, false}, {node, false}, {internet, false},
	} {
		check(t, "to", out.To, out.Ports, to.end, to.want)
	}
	for _, from := range []struct {
		end  end
		want bool
	}{{ofTeam, true}, {dashboard, true}, {cachePod, true}, {node, true}, {internet, false}, {metadata, false}} {
		check(t, "from", in.From, in.Ports, from.end, from.want)
	}
	for from, want := range map[*end]bool{&prometheus: true, &ofTeam: false, &dashboard: false, &node: false} {
		rule := coredns.Spec.Ingress[1]
		got := slices.ContainsFunc(rule.From, func(p networkingv1.NetworkPolicyPeer) bool { return isPeer(t, p, *from) })
		if got != want || len(rule.Ports) != 1 || *rule.Ports[0].Protocol != corev1.ProtocolTCP || rule.Ports[0].Port.IntValue() != 9153 {
			t.Errorf("metrics of CoreDNS for %v: %v, at %v", *from, got, rule.Ports)
		}
	}
	if !matches(t, &coredns.Spec.PodSelector, coreDNS.labels) || matches(t, &coredns.Spec.PodSelector, dashboard.labels) {
		t.Errorf("CoreDNS's is about Pods %v", coredns.Spec.PodSelector)
	}
}

// check checks port 53 of both protocols, and another port, which is never allowed.
func check(t *testing.T, way string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, e end, want bool) {
	t.Helper()
	peer := slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool { return isPeer(t, p, e) })
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		for _, port := range []int{53, 80, 9153} {
			open := slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
				return *p.Protocol == protocol && p.Port.IntValue() == port && p.EndPort == nil
			})
			if got := peer && open; got != (want && port == 53) {
				t.Errorf("%s %v, %s port %d: %v", way, e, protocol, port, got)
			}
		}
	}
}

func isPeer(t *testing.T, p networkingv1.NetworkPolicyPeer, e end) bool {
	t.Helper()
	if p.IPBlock != nil {
		return netip.MustParsePrefix(p.IPBlock.CIDR).Contains(netip.MustParseAddr(e.addr))
	}
	return e.namespace != "" && matches(t, p.NamespaceSelector, map[string]string{corev1.LabelMetadataName: e.namespace}) &&
		matches(t, p.PodSelector, e.labels)
}

// matches reports whether labels match a selector. Without a selector, in a peer that has another
// one, all match.
func matches(t *testing.T, s *metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	if s == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	must(t, err)
	return selector.Matches(labels.Set(of))
}
