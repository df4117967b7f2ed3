package cluster_test

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/neardns/neardns/test/cluster"
)

// createService creates a dual-stack Service and checks which IPs it has.
func createService(ctx context.Context, t *testing.T, client kubernetes.Interface, name, ip string) {
	t.Helper()
	dual := corev1.IPFamilyPolicyRequireDualStack
	svc, err := client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			ClusterIP:      ip,
			IPFamilyPolicy: &dual,
			Selector:       map[string]string{"app": name},
			Ports:          []corev1.ServicePort{{Name: "http", Port: 80}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ips := svc.Spec.ClusterIPs; len(ips) != 2 || ip != "" && ips[0] != ip {
		t.Errorf("ClusterIPs of %s: %q, want two with %q", name, ips, ip)
	}
}

// createPod creates the Pod of Service web, on a node.
func createPod(ctx context.Context, t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if err := c.CreateNode(ctx, "node-a", "zone-a"); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod, Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: "node-a"},
	}
	if err := c.CreatePod(ctx, pod, podIP, podIP6); err != nil {
		t.Fatal(err)
	}
}

// waitSlice waits until the EndpointSlice of Service web has an endpoint that is
// ready, or not ready.
func waitSlice(ctx context.Context, t *testing.T, client kubernetes.Interface, kind discoveryv1.AddressType, ready bool) discoveryv1.EndpointSlice {
	t.Helper()
	var found discoveryv1.EndpointSlice
	selector := metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=web"}
	poll(ctx, t, "an EndpointSlice of web", func(ctx context.Context) (bool, error) {
		list, err := client.DiscoveryV1().EndpointSlices(namespace).List(ctx, selector)
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(list.Items, func(s discoveryv1.EndpointSlice) bool {
			return s.AddressType == kind && len(s.Endpoints) > 0 && *s.Endpoints[0].Conditions.Ready == ready
		})
		if i < 0 {
			return false, nil
		}
		found = list.Items[i]
		return true, nil
	})
	return found
}

// createImport installs the Multi-Cluster Services API and creates a
// ServiceImport.
func createImport(ctx context.Context, t *testing.T, c *cluster.Cluster) dynamic.ResourceInterface {
	t.Helper()
	if err := c.InstallMCS(ctx); err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	imports := client.Resource(schema.GroupVersionResource{
		Group: "multicluster.x-k8s.io", Version: "v1alpha1", Resource: "serviceimports",
	}).Namespace(namespace)
	_, err = imports.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "multicluster.x-k8s.io/v1alpha1",
		"kind":       "ServiceImport",
		"metadata":   map[string]any{"name": "web"},
		"spec": map[string]any{
			"type":  "ClusterSetIP",
			"ips":   []any{"10.42.42.42"},
			"ports": []any{map[string]any{"name": "http", "port": int64(80), "protocol": "TCP"}},
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

func poll(ctx context.Context, t *testing.T, what string, done wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, done); err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}
