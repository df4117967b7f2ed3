package e2e

import (
	"testing"
	"time"

	"github.com/neardns/neardns/test/cluster"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const soon = 10 * time.Second

// TestLife creates, changes and deletes what has records.
func TestLife(t *testing.T) {
	namespace(t, "life")
	s := serve(t, env.cluster.Config(), "pods verified")
	s.within(t, soon, "10.96.0.1", "kubernetes.default.svc.cluster.local")
	s.within(t, soon, "NXDOMAIN", "web.life.svc.cluster.local")

	service(t, "life", "web", "10.96.0.20")
	s.within(t, soon, "10.96.0.20", "web.life.svc.cluster.local")
	s.within(t, soon, "10.96.0.20", "web.life.svc.cluster.local", "+tcp")
	s.within(t, soon, "web.life.svc.cluster.local.", "-x", "10.96.0.20")
	s.within(t, soon, "0 100 80 web.life.svc.cluster.local.", "_http._tcp.web.life.svc.cluster.local", "SRV")

	service(t, "life", "db", "None")
	s.within(t, soon, "NXDOMAIN", "db.life.svc.cluster.local")
	pod(t, "life", "db", "db-0", "10.244.0.10")
	s.within(t, soon, "10.244.0.10", "db.life.svc.cluster.local")
	s.within(t, soon, "10.244.0.10", "db-0.db.life.svc.cluster.local")
	s.within(t, soon, "db-0.db.life.svc.cluster.local.", "-x", "10.244.0.10")
	s.within(t, soon, "10.244.0.10", "10-244-0-10.life.pod.cluster.local")

	if err := env.cluster.SetPodReady(t.Context(), "life", "db-0", false); err != nil {
		t.Fatal(err)
	}
	s.within(t, soon, "NXDOMAIN", "db.life.svc.cluster.local")
	if err := env.cluster.SetPodReady(t.Context(), "life", "db-0", true); err != nil {
		t.Fatal(err)
	}
	s.within(t, soon, "10.244.0.10", "db.life.svc.cluster.local")

	deletePod(t, "life", "db-0")
	s.within(t, soon, "NXDOMAIN", "db.life.svc.cluster.local")
	s.within(t, soon, "NXDOMAIN", "10-244-0-10.life.pod.cluster.local")
	deleteService(t, "life", "web")
	s.within(t, soon, "NXDOMAIN", "web.life.svc.cluster.local")
	s.within(t, soon, "NXDOMAIN", "-x", "10.96.0.20")
}

// TestMulticluster serves what a multi-cluster controller writes (KEP-1645).
func TestMulticluster(t *testing.T) {
	namespace(t, "mcs")
	s := serve(t, env.cluster.Config(), "multicluster clusterset.local")
	s.within(t, soon, "NXDOMAIN", "db.mcs.svc.clusterset.local")
	imports, err := dynamic.NewForConfig(env.cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	resource := imports.Resource(schema.GroupVersionResource{Group: "multicluster.x-k8s.io", Version: "v1alpha1", Resource: "serviceimports"}).Namespace("mcs")
	create := func(name string, spec map[string]any) {
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceImport",
			"metadata": map[string]any{"name": name}, "spec": spec,
		}}
		if _, err := resource.Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ports := []any{map[string]any{"name": "sql", "port": int64(5432), "protocol": "TCP"}}
	create("db", map[string]any{"type": "Headless", "ports": ports})
	create("vip", map[string]any{"type": "ClusterSetIP", "ips": []any{"10.112.0.5"}, "ports": ports})
	importedSlice(t, "mcs", "db", "east", "10.9.0.1")
	s.within(t, soon, "10.9.0.1", "db.mcs.svc.clusterset.local")
	s.within(t, soon, "10.9.0.1", "db-0.east.db.mcs.svc.clusterset.local")
	s.within(t, soon, "0 100 5432 db-0.east.db.mcs.svc.clusterset.local.", "_sql._tcp.db.mcs.svc.clusterset.local", "SRV")
	s.within(t, soon, "10.112.0.5", "vip.mcs.svc.clusterset.local")
	if err := resource.Delete(t.Context(), "db", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.within(t, soon, "NXDOMAIN", "db.mcs.svc.clusterset.local")
}

// TestWithoutWatchList syncs from a server that cannot stream a list, and that pages it.
func TestWithoutWatchList(t *testing.T) {
	c := cluster.ForTest(t, cluster.Options{NoWatchList: true, APIServerArgs: []string{"--watch-cache=false"}})
	s := serve(t, c.Config())
	s.within(t, 2*soon, "10.96.0.1", "kubernetes.default.svc.cluster.local")
	s.within(t, soon, "kubernetes.default.svc.cluster.local.", "-x", "10.96.0.1")
}
