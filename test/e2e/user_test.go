package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/cluster"
	authv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// user is a user of a cluster, with rights of its own.
type user struct {
	t       *testing.T
	cluster *cluster.Cluster
	name    string
}

// right is one verb on one resource.
type right struct{ verb, group, resource string }

// rights returns list and watch on each resource that CoreDNS follows with all options.
func rights() (all []right) {
	for _, verb := range []string{"list", "watch"} {
		all = append(all,
			right{verb, "", "namespaces"},
			right{verb, "", "services"},
			right{verb, "", "pods"},
			right{verb, "discovery.k8s.io", "endpointslices"},
			right{verb, "multicluster.x-k8s.io", "serviceimports"})
	}
	return all
}

// String returns the right as part of the name of a test.
func (r right) String() string { return r.verb + " " + r.resource }

func (r right) rule(names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{
		Verbs: []string{r.verb}, APIGroups: []string{r.group}, Resources: []string{r.resource}, ResourceNames: names,
	}
}

// newUser returns a user without rights, and the line of a kubernetes block with which CoreDNS is
// that user.
func newUser(t *testing.T, c *cluster.Cluster, name string) (u *user, line string) {
	t.Helper()
	kubeconfig, err := c.KubeconfigFor(name)
	if err != nil {
		t.Fatal(err)
	}
	return &user{t, c, name}, "kubeconfig " + kubeconfig
}

// grant gives rights in all namespaces, and waits until they are in force.
func (u *user) grant(rights ...right) {
	u.t.Helper()
	var rules []rbacv1.PolicyRule
	for _, r := range rights {
		rules = append(rules, r.rule())
	}
	u.bind(rules)
	for _, r := range rights {
		u.waitAllowed(authv1.ResourceAttributes{Verb: r.verb, Group: r.group, Resource: r.resource})
	}
}

// bind makes a ClusterRole of rules and binds it to the user.
func (u *user) bind(rules []rbacv1.PolicyRule) {
	u.t.Helper()
	api, ctx := u.cluster.Client().RbacV1(), u.t.Context()
	role, err := api.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: u.name + "-"}, Rules: rules,
	}, metav1.CreateOptions{})
	if err != nil {
		u.t.Fatal(err)
	}
	_, err = api.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: u.name}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", Name: role.Name},
	}, metav1.CreateOptions{})
	if err != nil {
		u.t.Fatal(err)
	}
}

// bindIn makes a Role of rules in a namespace and binds it to the user.
func (u *user) bindIn(namespace string, rules []rbacv1.PolicyRule) {
	u.t.Helper()
	api, ctx := u.cluster.Client().RbacV1(), u.t.Context()
	role, err := api.Roles(namespace).Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{GenerateName: u.name + "-"}, Rules: rules,
	}, metav1.CreateOptions{})
	if err != nil {
		u.t.Fatal(err)
	}
	_, err = api.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: u.name}},
		RoleRef:    rbacv1.RoleRef{Kind: "Role", Name: role.Name},
	}, metav1.CreateOptions{})
	if err != nil {
		u.t.Fatal(err)
	}
}

// waitAllowed waits until the authorizer knows of a right.
func (u *user) waitAllowed(what authv1.ResourceAttributes) {
	u.t.Helper()
	review := &authv1.SubjectAccessReview{Spec: authv1.SubjectAccessReviewSpec{User: u.name, ResourceAttributes: &what}}
	testkit.Eventually(u.t, fmt.Sprintf("%s is allowed %+v", u.name, what), func() bool {
		r, err := u.cluster.Client().AuthorizationV1().SubjectAccessReviews().Create(u.t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			u.t.Fatal(err)
		}
		return r.Status.Allowed
	})
}

// requests returns the requests of the user that the API server has logged.
func (u *user) requests() []cluster.Request {
	u.t.Helper()
	list, err := u.cluster.Audit(u.name)
	if err != nil {
		u.t.Fatal(err)
	}
	return list
}

// checkRequests checks that the user asked for no more than was granted.
func (u *user) checkRequests(verbs ...string) {
	u.t.Helper()
	for _, r := range u.requests() {
		if !slices.Contains(verbs, r.Verb) || r.Code != 200 || r.Subresource != "" {
			u.t.Errorf("request beyond %v: %+v", verbs, r)
		}
	}
}
