package e2e

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestDefaults creates objects with as few fields as possible, and gives the same objects to a
// second server in a file. Both servers answer alike: what the file leaves out has the defaults
// that the API server sets.
func TestDefaults(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, streaming, "defaults")
	web := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}
	db := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: []corev1.ServicePort{{Name: "sql", Port: 5432}}}}
	db1 := &discoveryv1.EndpointSlice{
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.245.7.1"}}},
		Ports:       []discoveryv1.EndpointPort{{Name: new("sql"), Port: new(int32(5432))}, {Port: new(int32(80))}},
	}
	db1.Labels = map[string]string{discoveryv1.LabelServiceName: "db"}
	home := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: n.name}}
	n.called("web", "v1", "Service", &web.TypeMeta, &web.ObjectMeta)
	n.called("db", "v1", "Service", &db.TypeMeta, &db.ObjectMeta)
	n.called("db-1", "discovery.k8s.io/v1", "EndpointSlice", &db1.TypeMeta, &db1.ObjectMeta)
	n.create(web, db, db1)

	only := "namespace_labels " + corev1.LabelMetadataName + "=" + n.name
	api := serve(t, "kubeconfig "+streaming.Kubeconfig(), only)
	snapshot := serve(t, "snapshot "+file(t, "cluster.json", list(t, home, web, db, db1)), only)
	for name, kind := range map[string]string{
		"_http._tcp." + n.svc("web"): "SRV", n.svc("web"): "A",
		"_sql._tcp." + n.svc("db"): "SRV", n.svc("db"): "SRV", "10-245-7-1." + n.svc("db"): "SRV",
	} {
		var want string
		api.Eventually("it has "+name, func() bool {
			want = api.dig(name, kind)
			return strings.HasPrefix(want, "NOERROR "+kind)
		})
		snapshot.expect(name, kind, want)
	}
}

// called gives an object of the namespace its name and kind.
func (n *namespace) called(name, version, kind string, t *metav1.TypeMeta, m *metav1.ObjectMeta) {
	t.APIVersion, t.Kind = version, kind
	m.Namespace, m.Name = n.name, name
}

// create creates the objects in the API server. The caller keeps only the cluster IPs that they
// get.
func (n *namespace) create(web, db *corev1.Service, slice *discoveryv1.EndpointSlice) {
	n.Helper()
	for _, s := range []*corev1.Service{web, db} {
		made, err := n.client.CoreV1().Services(n.name).Create(n.Context(), s, metav1.CreateOptions{})
		if err != nil {
			n.Fatal(err)
		}
		s.Spec.ClusterIP = made.Spec.ClusterIP
	}
	if _, err := n.client.DiscoveryV1().EndpointSlices(n.name).Create(n.Context(), slice, metav1.CreateOptions{}); err != nil {
		n.Fatal(err)
	}
}

// list writes objects one after another.
func list(t *testing.T, objects ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, o := range objects {
		if err := json.NewEncoder(&b).Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
