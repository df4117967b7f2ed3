package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/neardns/neardns/test/cluster"
	authv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// TestRightsEnough runs CoreDNS with the rights of the manifests. They are enough, and it uses no
// others.
func TestRightsEnough(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "rights-enough")
	web := n.vip("web")
	n.pod("p", "p", "10.244.2.1", corev1.PodSpec{})
	u, kubeconfig := newUser(t, streaming, "enough")
	u.grant(rights()...)
	s := serve(t, kubeconfig, "pods verified", "multicluster clusterset.local")
	s.expect(n.svc("web"), "A", "NOERROR A "+web)
	s.expect("10-244-2-1.rights-enough.pod.cluster.local", "A", "NOERROR A 10.244.2.1")
	s.expect("rights-enough.svc.clusterset.local", "A", "NOERROR")
	u.checkRequests("watch") // a list is streamed by a watch
	if strings.Contains(s.Log(), "plugin/kubernetes: cannot") {
		t.Error("an error, though it has all rights")
	}
	checkAgent(t, u)
}

// TestWatchEnough runs CoreDNS without the right to list, which it does not need where lists are
// streamed.
func TestWatchEnough(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "watch-enough")
	web := n.vip("web")
	u, kubeconfig := newUser(t, streaming, "watcher")
	u.grant(slices.DeleteFunc(rights(), func(r right) bool { return r.verb != "watch" })...)
	s := serve(t, kubeconfig, "pods verified", "multicluster clusterset.local")
	s.expect(n.svc("web"), "A", "NOERROR A "+web)
	u.checkRequests("watch")
}

// TestRightsEnoughPaging is TestRightsEnough with an API server whose lists come in pages, and with
// fewer options.
func TestRightsEnoughPaging(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, paging, "rights-enough")
	web := n.vip("web")
	u, kubeconfig := newUser(t, paging, "enough")
	u.grant(slices.DeleteFunc(rights(), func(r right) bool { return r.resource == "serviceimports" || r.resource == "pods" })...)
	s := serve(t, kubeconfig)
	s.expect(n.svc("web"), "A", "NOERROR A "+web)
	added := n.vip("added")
	s.expect(n.svc("added"), "A", "NOERROR A "+added)
	for _, r := range u.requests() {
		if r.Verb == "watch" && strings.Contains(r.URI, "sendInitialEvents=true") {
			continue // refused, as it is to be
		}
		if r.Verb != "list" && r.Verb != "watch" || r.Code != 200 {
			t.Errorf("request beyond list and watch: %+v", r)
		}
	}
}

// checkAgent checks the user agent of the user's requests.
func checkAgent(t *testing.T, u *user) {
	t.Helper()
	for _, r := range u.requests() {
		if !strings.HasPrefix(r.UserAgent, "CoreDNS/") || !strings.Contains(r.UserAgent, " git_commit:") {
			t.Errorf("user agent %q", r.UserAgent)
		}
	}
}

// TestRightMissing takes away each right in turn. The log must name it.
func TestRightMissing(t *testing.T) {
	for i, r := range rights() {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			missing(t, paging, fmt.Sprintf("missing-%d", i), r)
		})
		if r.verb == "watch" { // where lists are streamed, no right to list is needed
			t.Run(r.String()+" streaming", func(t *testing.T) {
				t.Parallel()
				missing(t, streaming, fmt.Sprintf("missing-%d", i), r)
			})
		}
	}
}

func missing(t *testing.T, c *cluster.Cluster, name string, r right) {
	u, kubeconfig := newUser(t, c, name)
	u.grant(slices.DeleteFunc(rights(), func(o right) bool { return o == r })...)
	s := serve(t, kubeconfig, "pods verified", "multicluster clusterset.local")
	s.Logs(line(r, u.name))
	if n := strings.Count(s.Log(), "forbidden"); n != 1 {
		t.Errorf("%d lines of what is forbidden", n)
	}
}

// line returns what the log says about a missing right.
func line(r right, user string) string {
	what := r.resource
	if r.group != "" {
		what += "." + r.group
	}
	if r.resource != "namespaces" {
		what += " in all namespaces"
	}
	return fmt.Sprintf(`[ERROR] plugin/kubernetes: cannot %s %s: forbidden; grant verb %q on %q (API group %q) to User %q`,
		r.verb, what, r.verb, r.resource, r.group, user)
}

// TestRightGranted grants a right after the start.
func TestRightGranted(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, paging, "granted")
	web := n.vip("web")
	u, kubeconfig := newUser(t, paging, "granted")
	late := right{"list", "", "services"}
	u.grant(slices.DeleteFunc(rights(), func(r right) bool { return r == late })...)
	s := serve(t, kubeconfig)
	s.Logs(line(late, u.name))
	s.expectNow(n.svc("web"), "A", "SERVFAIL")
	u.grant(late)
	s.expect(n.svc("web"), "A", "NOERROR A "+web)
	s.Logs("[INFO] plugin/kubernetes: can list services in all namespaces now")
}

// TestNamespaces gives rights in two namespaces only. CoreDNS must not ask about any other.
func TestNamespaces(t *testing.T) {
	for name, c := range map[string]*cluster.Cluster{"streaming": streaming, "paging": paging} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b, other := newNamespace(t, c, "ns-a"), newNamespace(t, c, "ns-b"), newNamespace(t, c, "ns-other")
			ips := map[*namespace]string{a: a.vip("web"), b: b.vip("web"), other: other.vip("web")}
			b.pod("p", "p", "10.244.3.1", corev1.PodSpec{})
			u, kubeconfig := newUser(t, c, "two")
			grantIn(u, a.name, b.name)
			s := serve(t, kubeconfig, "namespaces ns-a ns-b", "pods verified")
			s.expect(a.svc("web"), "A", "NOERROR A "+ips[a])
			s.expect(b.svc("web"), "A", "NOERROR A "+ips[b])
			s.expect("10-244-3-1.ns-b.pod.cluster.local", "A", "NOERROR A 10.244.3.1")
			s.expect(other.svc("web"), "A", "NXDOMAIN")
			s.expect(a.svc("added"), "A", "NXDOMAIN")
			added := a.vip("added")
			s.expect(a.svc("added"), "A", "NOERROR A "+added)
			for _, r := range u.requests() {
				ns := r.Namespace
				if r.Resource == "namespaces" {
					ns = r.Name
				}
				if r.Code == http.StatusForbidden || ns != a.name && ns != b.name {
					t.Errorf("request about another namespace: %+v", r)
				}
			}
		})
	}
}

// grantIn gives rights in namespaces, and the right to read these Namespaces themselves.
func grantIn(u *user, namespaces ...string) {
	u.t.Helper()
	var inside, outside []rbacv1.PolicyRule
	for _, verb := range []string{"list", "watch"} {
		inside = append(inside, right{verb, "", "services"}.rule(), right{verb, "", "pods"}.rule(),
			right{verb, "discovery.k8s.io", "endpointslices"}.rule())
		outside = append(outside, right{verb, "", "namespaces"}.rule(namespaces...))
	}
	u.bind(outside)
	for _, ns := range namespaces {
		u.bindIn(ns, inside)
		u.waitAllowed(authv1.ResourceAttributes{Verb: "watch", Resource: "namespaces", Name: ns})
		u.waitAllowed(authv1.ResourceAttributes{Verb: "watch", Resource: "services", Namespace: ns})
	}
}
