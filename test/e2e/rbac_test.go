package e2e

import (
	"fmt"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// right is one verb on one resource.
type right struct{ verb, group, resource string }

// rights are those that README lists.
func rights() (all []right) {
	for _, r := range []right{
		{"", "", "namespaces"}, {"", "", "services"}, {"", "discovery.k8s.io", "endpointslices"},
		{"", "", "pods"}, {"", "multicluster.x-k8s.io", "serviceimports"},
	} {
		for _, verb := range []string{"list", "watch"} {
			all = append(all, right{verb, r.group, r.resource})
		}
	}
	return all
}

func rules(rs []right) (out []rbacv1.PolicyRule) {
	for _, r := range rs {
		out = append(out, rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{r.group}, Resources: []string{r.resource}})
	}
	return out
}

// user grants rights in all namespaces to a new user.
func user(t *testing.T, name string, rs []right) *rest.Config {
	t.Helper()
	rbac := env.cluster.Client().RbacV1()
	if _, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules(rs)}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cfg, err := env.cluster.ConfigFor(name)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var everything = []string{"pods verified", "multicluster clusterset.local", "startup_timeout 1s"}

// TestRights shows that the rights in README are enough, and that no other is used.
func TestRights(t *testing.T) {
	s := serve(t, user(t, "dns-all", rights()), everything...)
	s.within(t, soon, "10.96.0.1", "kubernetes.default.svc.cluster.local")
	requests, err := env.cluster.Audit("dns-all")
	if err != nil || len(requests) == 0 {
		t.Fatalf("%d requests, %v", len(requests), err)
	}
	for _, r := range requests {
		if r.Code == 403 || !slices.Contains(rights(), right{r.Verb, r.Group, r.Resource}) {
			t.Errorf("asked for %s %s.%s: %d", r.Verb, r.Resource, r.Group, r.Code)
		}
	}
}

// TestMissingRight takes each right away: the log names it, and nothing is half answered.
// A server that streams lists is asked to list only where it refuses to stream.
func TestMissingRight(t *testing.T) {
	for i, r := range rights() {
		t.Run(r.verb+"-"+r.resource, func(t *testing.T) {
			t.Parallel()
			left := slices.Delete(rights(), i, i+1)
			s := serve(t, user(t, fmt.Sprintf("dns-without-%d", i), left), everything...)
			if r.verb == "list" {
				s.within(t, soon, "10.96.0.1", "kubernetes.default.svc.cluster.local")
				return
			}
			s.logs(t, 2*soon, "[ERROR]", fmt.Sprintf("verb %q", r.verb), fmt.Sprintf("%q", r.resource))
		})
	}
}

// TestNamespaces serves two namespaces with rights in these alone.
func TestNamespaces(t *testing.T) {
	cfg := user(t, "dns-two", nil)
	for _, ns := range []string{"two-a", "two-b", "two-c"} {
		namespace(t, ns)
		service(t, ns, "web", "")
	}
	for _, ns := range []string{"two-a", "two-b"} {
		grantIn(t, ns, "dns-two")
	}
	grantNamespaces(t, "dns-two", "two-a", "two-b")
	s := serve(t, cfg, "namespaces two-a two-b")
	s.within(t, soon, "NOERROR", "two-a.svc.cluster.local")
	s.within(t, soon, "NXDOMAIN", "two-c.svc.cluster.local")
	s.within(t, soon, "NXDOMAIN", "web.two-c.svc.cluster.local")
	if got := s.dig("web.two-b.svc.cluster.local"); got == "NXDOMAIN" || got == "NOERROR" {
		t.Errorf("web.two-b: %s", got)
	}
	requests, err := env.cluster.Audit("dns-two")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		if r.Code == 403 || r.Namespace != "two-a" && r.Namespace != "two-b" && r.Resource != "namespaces" {
			t.Errorf("asked for %s %s in %q: %d", r.Verb, r.Resource, r.Namespace, r.Code)
		}
	}
}

// grantIn grants what a namespace's records need.
func grantIn(t *testing.T, ns, user string) {
	t.Helper()
	rbac := env.cluster.Client().RbacV1()
	local := slices.DeleteFunc(rights(), func(r right) bool { return r.resource == "namespaces" })
	if _, err := rbac.Roles(ns).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules(local)}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := rbac.RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// grantNamespaces grants to follow the Namespace objects named.
func grantNamespaces(t *testing.T, user string, names ...string) {
	t.Helper()
	role, err := env.cluster.Client().RbacV1().ClusterRoles().Get(t.Context(), user, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules = []rbacv1.PolicyRule{{Verbs: []string{"list", "watch"}, APIGroups: []string{""}, Resources: []string{"namespaces"}, ResourceNames: names}}
	if _, err := env.cluster.Client().RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}
