package cluster_test

import (
	"context"
	"slices"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/neardns/neardns/test/cluster"
)

const (
	namespace = "shop"
	pod       = "web-0"
	podIP     = "10.244.0.7"
	podIP6    = "fd00:10:244::7"
	reader    = "reader"
)

// TestCluster goes through what other tests rely on. It is one test because a
// cluster takes seconds to start.
func TestCluster(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{AuditLog: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	if err := c.CreateNamespace(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	createService(ctx, t, c.Client(), "web", "")
	createService(ctx, t, c.Client(), "dns", "10.96.0.10")
	createPod(ctx, t, c)
	checkEndpoint(t, waitSlice(ctx, t, c.Client(), discoveryv1.AddressTypeIPv4, true), podIP)
	checkEndpoint(t, waitSlice(ctx, t, c.Client(), discoveryv1.AddressTypeIPv6, true), podIP6)
	if err := c.SetPodReady(ctx, namespace, pod, false); err != nil {
		t.Fatal(err)
	}
	checkEndpoint(t, waitSlice(ctx, t, c.Client(), discoveryv1.AddressTypeIPv4, false), podIP)

	imports := createImport(ctx, t, c)
	checkRights(ctx, t, c)
	checkAudit(t, c)

	c.KillAPIServer()
	if _, err := c.Client().Discovery().ServerVersion(); err == nil {
		t.Error("a killed API server answers")
	}
	if err := c.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	checkEndpoint(t, waitSlice(ctx, t, c.Client(), discoveryv1.AddressTypeIPv4, false), podIP)
	if _, err := imports.Get(ctx, "web", metav1.GetOptions{}); err != nil {
		t.Errorf("ServiceImport after restart: %v", err)
	}
	checkCollected(ctx, t, c.Client())
}

func checkEndpoint(t *testing.T, slice discoveryv1.EndpointSlice, want string) {
	t.Helper()
	if got := slice.Endpoints[0].Addresses; !slices.Equal(got, []string{want}) {
		t.Errorf("addresses in %s: %q, want %q", slice.Name, got, want)
	}
}

// checkRights shows that a user may do nothing until RBAC allows it.
func checkRights(ctx context.Context, t *testing.T, c *cluster.Cluster) {
	t.Helper()
	path, err := c.KubeconfigFor(reader)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	services := kubernetes.NewForConfigOrDie(config).CoreV1().Services(namespace)
	if _, err := services.List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("list without rights: %v, want it forbidden", err)
	}
	grantView(ctx, t, c.Client())
	poll(ctx, t, "rights", func(ctx context.Context) (bool, error) {
		_, err := services.List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
}

func grantView(ctx context.Context, t *testing.T, client kubernetes.Interface) {
	t.Helper()
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: reader},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: reader}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// checkAudit shows that both answers of checkRights are in the audit log.
func checkAudit(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	requests, err := c.Audit(reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []int{403, 200} {
		if !slices.ContainsFunc(requests, func(r cluster.Request) bool {
			return r.Verb == "list" && r.Resource == "services" && r.Code == code
		}) {
			t.Errorf("no list of services with code %d in the audit log: %+v", code, requests)
		}
	}
}

// checkCollected deletes a Service: its EndpointSlices must go too.
func checkCollected(ctx context.Context, t *testing.T, client kubernetes.Interface) {
	t.Helper()
	if err := client.CoreV1().Services(namespace).Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	selector := metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=web"}
	poll(ctx, t, "the EndpointSlices to go", func(ctx context.Context) (bool, error) {
		list, err := client.DiscoveryV1().EndpointSlices(namespace).List(ctx, selector)
		return err == nil && len(list.Items) == 0, err
	})
}
