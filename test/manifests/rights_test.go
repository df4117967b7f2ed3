package manifests

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	authv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

const (
	role    = "system:coredns"
	account = "system:serviceaccount:kube-system:coredns"
)

// TestRights shows that the rights of the ClusterRole are enough, and that CoreDNS misses each one
// that is taken away.
func TestRights(t *testing.T) {
	secure(t, "privileged")
	objects := render(t, "overlays/authority-on-node")
	newClient(t).applyAll(objects)
	var given rbacv1.ClusterRole
	must(t, objects.decode("ClusterRole", role, &given))
	rights := single(given.Rules)
	if len(rights) != 6 {
		t.Errorf("%d rights: %v", len(rights), rights)
	}
	t.Run("all", func(t *testing.T) { enough(t, objects, rights) })
	for i, r := range rights {
		what := r.Verbs[0] + " " + r.Resources[0]
		t.Run("without "+what, func(t *testing.T) {
			grant(t, slices.Delete(slices.Clone(rights), i, i+1))
			p, _ := startCoreDNS(t, objects, "DaemonSet")
			p.Logs("plugin/kubernetes: cannot "+what, fmt.Sprintf("grant verb %q on %q", r.Verbs[0], r.Resources[0]), account)
			if n := len(p.Logged("forbidden")); n != 1 {
				t.Errorf("%d lines of what is forbidden", n)
			}
		})
	}
}

// enough runs CoreDNS with all rights, and checks that it uses no other.
func enough(t *testing.T, objects Objects, rights []rbacv1.PolicyRule) {
	earlier, err := api.Audit(account)
	must(t, err)
	p, _ := startCoreDNS(t, objects, "DaemonSet")
	testkit.Eventually(t, "it is ready", func() bool {
		code, _ := run.Get(t, "http://127.0.0.1:8181/ready")
		return code == http.StatusOK
	})
	requests, err := api.Audit(account)
	must(t, err)
	requests = requests[len(earlier):]
	if len(requests) < len(rights) {
		t.Errorf("%d requests, expected at least %d", len(requests), len(rights))
	}
	for _, r := range requests {
		if r.Verb == "watch" && strings.Contains(r.URI, "sendInitialEvents=true") {
			continue // which this API server does not know
		}
		if r.Code != http.StatusOK || !slices.ContainsFunc(rights, func(o rbacv1.PolicyRule) bool {
			return o.Verbs[0] == r.Verb && o.Resources[0] == r.Resource && o.APIGroups[0] == r.Group
		}) {
			t.Errorf("request beyond its rights: %+v", r)
		}
	}
	if lines := p.Logged("cannot"); len(lines) > 0 {
		t.Errorf("it complains: %q", lines)
	}
}

// single splits rules: each result has one verb and one resource.
func single(rules []rbacv1.PolicyRule) (all []rbacv1.PolicyRule) {
	for _, r := range rules {
		for _, resource := range r.Resources {
			for _, verb := range r.Verbs {
				all = append(all, rbacv1.PolicyRule{Verbs: []string{verb}, APIGroups: r.APIGroups, Resources: []string{resource}})
			}
		}
	}
	return all
}

// grant gives the role these rules, and waits until they are in force.
func grant(t *testing.T, rules []rbacv1.PolicyRule) {
	t.Helper()
	of := api.Client().RbacV1().ClusterRoles()
	r, err := of.Get(t.Context(), role, metav1.GetOptions{})
	must(t, err)
	all := append(slices.Clone(r.Rules), rules...)
	r.Rules = rules
	_, err = of.Update(t.Context(), r, metav1.UpdateOptions{})
	must(t, err)
	for _, o := range single(all) {
		want := slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
			return r.Verbs[0] == o.Verbs[0] && r.Resources[0] == o.Resources[0]
		})
		testkit.Eventually(t, fmt.Sprintf("%s %s is allowed: %v", o.Verbs[0], o.Resources[0], want), func() bool {
			return allowed(t, o) == want
		})
	}
}

// allowed asks the API server whether the service account has a right.
func allowed(t *testing.T, r rbacv1.PolicyRule) bool {
	t.Helper()
	review := &authv1.SubjectAccessReview{Spec: authv1.SubjectAccessReviewSpec{
		User: account, ResourceAttributes: &authv1.ResourceAttributes{Verb: r.Verbs[0], Group: r.APIGroups[0], Resource: r.Resources[0]},
	}}
	got, err := api.Client().AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
	must(t, err)
	return got.Status.Allowed
}
