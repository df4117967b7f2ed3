package e2e

import (
	"context"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// imports returns the ServiceImports of the namespace.
func (n *namespace) imports() dynamic.ResourceInterface {
	n.Helper()
	client, err := dynamic.NewForConfig(n.cluster.Config())
	if err != nil {
		n.Fatal(err)
	}
	gv := schema.GroupVersion(mcs.GroupVersion)
	return client.Resource(gv.WithResource("serviceimports")).Namespace(n.name)
}

// imported creates a ServiceImport.
func (n *namespace) imported(name string, spec mcs.ServiceImportSpec) {
	n.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&mcs.ServiceImport{
		TypeMeta:   metav1.TypeMeta{APIVersion: mcs.GroupVersion.String(), Kind: "ServiceImport"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       spec,
	})
	if err != nil {
		n.Fatal(err)
	}
	if _, err := n.imports().Create(n.Context(), &unstructured.Unstructured{Object: fields}, metav1.CreateOptions{}); err != nil {
		n.Fatal(err)
	}
}

// importedSlice creates an EndpointSlice as a controller imports it from another cluster.
func (n *namespace) importedSlice(service, from, addr string) {
	n.Helper()
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name:   service + "-" + from,
			Labels: map[string]string{mcs.LabelServiceName: service, mcs.LabelSourceCluster: from},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{addr}}},
	}
	if _, err := n.client.DiscoveryV1().EndpointSlices(n.name).Create(n.Context(), s, metav1.CreateOptions{}); err != nil {
		n.Fatal(err)
	}
}

func TestMulticluster(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "imports")
	s := serve(t, "kubeconfig "+streaming.Kubeconfig(), "multicluster clusterset.local")
	local := n.vip("web")
	n.imported("web", mcs.ServiceImportSpec{
		Type: mcs.ClusterSetIP, IPs: []string{"10.112.0.1"}, Ports: []mcs.ServicePort{{Name: "http", Protocol: "TCP", Port: 80}},
	})
	n.imported("db", mcs.ServiceImportSpec{Type: mcs.Headless, Ports: []mcs.ServicePort{{Port: 5432}}})
	n.importedSlice("db", "east", "10.245.0.1")
	n.importedSlice("db", "west", "10.246.0.1")

	s.expect("web.imports.svc.clusterset.local", "A", "NOERROR A 10.112.0.1")
	s.expect("_http._tcp.web.imports.svc.clusterset.local", "SRV", "NOERROR SRV 0 100 80 web.imports.svc.clusterset.local.")
	s.expect(n.svc("web"), "A", "NOERROR A "+local)
	s.expect("db.imports.svc.clusterset.local", "A", "NOERROR A 10.245.0.1 A 10.246.0.1")
	s.expect("10-245-0-1.east.db.imports.svc.clusterset.local", "A", "NOERROR A 10.245.0.1")
	s.expect("10-245-0-1.west.db.imports.svc.clusterset.local", "A", "NXDOMAIN")
	s.expect(n.svc("db"), "A", "NXDOMAIN")

	if err := n.client.DiscoveryV1().EndpointSlices(n.name).Delete(t.Context(), "db-west", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect("db.imports.svc.clusterset.local", "A", "NOERROR A 10.245.0.1")
	if err := n.imports().Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.expect("web.imports.svc.clusterset.local", "A", "NXDOMAIN")
}

// TestNotDefined defines ServiceImports after the start. Until then the cluster's own names are
// served. It is not parallel: other tests may see the definition.
func TestNotDefined(t *testing.T) {
	n := newNamespace(t, paging, "undefined")
	web := n.vip("web")
	s := serve(t, "kubeconfig "+paging.Kubeconfig(), "multicluster clusterset.local")
	s.expect(n.svc("web"), "A", "NOERROR A "+web)
	s.expect("web.undefined.svc.clusterset.local", "A", "NXDOMAIN")
	s.Logs("[ERROR] plugin/kubernetes: cannot follow serviceimports.multicluster.x-k8s.io in all namespaces: " +
		"the cluster does not define them in version v1alpha1; install their CustomResourceDefinition")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := paging.InstallMCS(ctx); err != nil {
		t.Fatal(err)
	}
	n.imported("web", mcs.ServiceImportSpec{
		Type: mcs.ClusterSetIP, IPs: []string{"10.112.0.2"}, Ports: []mcs.ServicePort{{Port: 80}},
	})
	s.expectWithin(catchUp, "web.undefined.svc.clusterset.local", "A", "NOERROR A 10.112.0.2")
}
