package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/neardns/neardns/test/cluster"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// namespace is a namespace that one test has for itself.
type namespace struct {
	*testing.T
	cluster *cluster.Cluster
	client  kubernetes.Interface
	name    string
}

func newNamespace(t *testing.T, c *cluster.Cluster, name string) *namespace {
	t.Helper()
	showLogs(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.CreateNamespace(ctx, name); err != nil {
		t.Fatal(err)
	}
	return &namespace{t, c, c.Client(), name}
}

// service creates a Service and returns it as the API server completed it.
func (n *namespace) service(name string, spec corev1.ServiceSpec) *corev1.Service {
	n.Helper()
	if len(spec.Ports) == 0 && spec.Type != corev1.ServiceTypeExternalName {
		spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80}}
	}
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	created, err := n.client.CoreV1().Services(n.name).Create(n.Context(), s, metav1.CreateOptions{})
	if err != nil {
		n.Fatal(err)
	}
	return created
}

// vip creates a Service and returns its cluster IP.
func (n *namespace) vip(name string) string {
	n.Helper()
	return n.service(name, corev1.ServiceSpec{}).Spec.ClusterIP
}

func (n *namespace) deleteService(name string) {
	n.Helper()
	if err := n.client.CoreV1().Services(n.name).Delete(n.Context(), name, metav1.DeleteOptions{}); err != nil {
		n.Fatal(err)
	}
}

// node is where all Pods are.
const node = "node"

// pod creates a ready Pod of an app.
func (n *namespace) pod(name, app, ip string, spec corev1.PodSpec) {
	n.Helper()
	spec.NodeName = node
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.name, Name: name, Labels: map[string]string{"app": app}},
		Spec:       spec,
	}
	if err := n.cluster.CreatePod(n.Context(), p, ip); err != nil {
		n.Fatal(err)
	}
}

// deletePod removes a Pod at once: there is no kubelet that would end it.
func (n *namespace) deletePod(name string) {
	n.Helper()
	if err := n.client.CoreV1().Pods(n.name).Delete(n.Context(), name, *metav1.NewDeleteOptions(0)); err != nil {
		n.Fatal(err)
	}
}

// svc returns the name of a Service of the namespace.
func (n *namespace) svc(service string) string { return service + "." + n.name + ".svc.cluster.local" }
