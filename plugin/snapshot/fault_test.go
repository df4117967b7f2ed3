package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
)

func selector(t testing.TB, text string) labels.Selector {
	t.Helper()
	s, err := labels.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	namespaceN = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: n\n"
	serviceS   = "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  namespace: n\nspec:\n"
	sliceS     = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: s-1\n  namespace: n\n  labels:\n    kubernetes.io/service-name: s\n"
)

func TestFaults(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "nothing to serve; kubectl get ns,svc,endpointslices,pods -A -o yaml prints what can be served"},
		{"comment", "# soon\n", "nothing to serve"},
		{"empty List", "apiVersion: v1\nitems: []\nkind: List\n", "nothing to serve"},
		{"only others", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n", "nothing to serve"},
		{"a table", "NAME   TYPE\nfoo    ClusterIP\n", "document 1: not a Kubernetes object; kubectl get"},
		{"a list", "- apiVersion: v1\n", "document 1: not a Kubernetes object; kubectl get"},
		{"bad YAML", namespaceN + "---\n" + serviceS + "  ports: [\n", "document 2: did not find expected"},
		{"tab", namespaceN + "---\nkind: Service\nspec:\n\tports: []\n", "document 2: found character that cannot start any token (line 8)"},
		{"half JSON", `{"apiVersion":"v1","kind":"List",` + "\n" + `"items":[`, "document 1: ends in the middle of an object (line 2)"},
		{"bad JSON", "{\"apiVersion\":\"v1\",\n\"kind\":\"List\",\n}", "document 1: invalid character '}' looking for beginning of object key string (line 3)"},
		{"bad JSON later", namespaceJSON + "\n---\n" + `{"apiVersion":"v1","kind":"ConfigMap"}` + "\n{\"a\":\nx}", "document 3: invalid character 'x' looking for beginning of value (line 5)"},
		{"no kind", namespaceN + "---\napiVersion: v1\nmetadata:\n  name: a\n", "document 2 (a): kind: missing (line 6)"},
		{"no version", namespaceN + "---\nkind: Service\nmetadata:\n  name: a\n", "document 2 (Service a): apiVersion: missing (line 6)"},
		{"no name", namespaceN + "---\napiVersion: v1\nkind: Service\nmetadata:\n  namespace: n\n", "document 2 (Service): metadata.name: missing (line 8)"},
		{"no namespace", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n", "document 1 (Service a): metadata.namespace: missing (line 3)"},
		{"name is a number", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: 5\n", "document 1: metadata.name: is a number, wants a string (line 4)"},
		{"label is a number", namespaceN + "  labels:\n    a.b/c: 1\n", "document 1: metadata.labels[a.b/c]: is a number, wants a string (line 6)"},
		{"metadata is a list", namespaceN + "---\napiVersion: v1\nkind: Service\nmetadata: [a]\n", "document 2: metadata: is a list, wants a mapping (line 8)"},
		{"ports is a string", serviceS + "  ports: http\n", "document 1 (Service n/s): spec.ports: is a string, wants a list (line 7)"},
		{"port is a string", serviceS + "  clusterIP: 10.0.0.1\n  ports:\n  - port: 80\n  - name: b\n    port: http\n", "document 1 (Service n/s): spec.ports[1].port: is a string, wants a number (int32) (line 11)"},
		{"port is a fraction", serviceS + "  clusterIP: 10.0.0.1\n  ports:\n  - port: 80.5\n", "spec.ports[0].port: is number 80.5, wants a number (int32) (line 9)"},
		{"port out of range", serviceS + "  clusterIP: 10.0.0.1\n  ports:\n  - port: 80000\n", "spec.ports[0]: 80000 is not a port number (line 9)"},
		{"target port", serviceS + "  clusterIP: 10.0.0.1\n  ports:\n  - targetPort: true\n    port: 80\n", "spec.ports[0].targetPort: is true or false, wants a number (int32) (line 9)"},
		{"time", strings.Replace(serviceS, "metadata:", "metadata:\n  creationTimestamp: soon", 1), `metadata.creationTimestamp: parsing time`},
		{"no cluster IP", serviceS + "  ports:\n  - port: 80\n", "document 1 (Service n/s): spec.clusterIP: missing; the cluster assigns one, or None for a headless Service (line 6)"},
		{"bad cluster IP", serviceS + "  clusterIPs:\n  - 10.0.0.300\n", `spec.clusterIPs[0]: "10.0.0.300" is not an IP address (line 8)`},
		{"no type of Service", serviceS + "  type: externalName\n  externalName: a.example\n", `document 1 (Service n/s): spec.type: "externalName" is not one of [ClusterIP NodePort LoadBalancer ExternalName] (line 7)`},
		{"no external name", serviceS + "  type: ExternalName\n", "spec.externalName: missing (line 6)"},
		{"bad endpoint", sliceS + "addressType: IPv4\nendpoints:\n- addresses:\n  - 10.0.0.1\n- addresses:\n  - ten\n", `document 1 (EndpointSlice n/s-1): endpoints[1].addresses[0]: "ten" is not an IP address (line 13)`},
		{"endpoints a mapping", sliceS + "endpoints:\n  addresses: []\n", "document 1 (EndpointSlice n/s-1): endpoints: is a mapping, wants a list (line 8)"},
		{"bad host name", sliceS + "endpoints:\n- addresses: [10.0.0.1]\n  hostname: a.b\n", `endpoints[0].hostname: "a.b" is not a DNS label (line 10)`},
		{"bad Pod address", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nstatus: {podIP: x}\n", `document 1 (Pod n/p): status.podIP: "x" is not an IP address (line 4)`},
		{"bad second Pod address", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n}\nstatus:\n  podIPs:\n  - ip: 10.0.0.1\n  - ip: x\n", `status.podIPs[1]: "x" is not an IP address (line 7)`},
		{"bad cluster IP, the older field", serviceS + "  clusterIP: 10.96.0.256\n", `spec.clusterIP: "10.96.0.256" is not an IP address (line 7)`},
		{"no type of import", "apiVersion: multicluster.x-k8s.io/v1beta1\nkind: ServiceImport\nmetadata: {name: s, namespace: n}\nspec:\n  ips: [10.0.0.1]\n", "spec.type: missing; expected ClusterSetIP or Headless (line 4)"},
		{"two cluster IPs", serviceS + "  clusterIP: 10.96.0.20\n  clusterIPs:\n  - 10.96.0.21\n", `spec.clusterIP: is "10.96.0.20", and the first of clusterIPs is "10.96.0.21" (line 7)`},
		{"bad port name", serviceS + "  clusterIP: 10.0.0.1\n  ports:\n  - {name: a.b, port: 80}\n", `spec.ports[0].name: "a.b" is not a DNS label (line 9)`},
		{"bad protocol", serviceS + "  clusterIP: 10.0.0.1\n  ports:\n  - {protocol: TCP/UDP, port: 80}\n", `spec.ports[0].protocol: "TCP/UDP" is not a DNS label (line 9)`},
		{"key twice in JSON", "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\",\n\"namespace\":\"n\"},\n\"spec\":{\"clusterIP\":\"10.0.0.1\",\n\"clusterIP\":\"10.0.0.2\"}}", "document 1 (Service n/s): spec.clusterIP: appears twice (line 3)"},
		{"key twice in JSON's metadata", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"},"metadata":{"name":"b"}}`, "document 1: metadata: appears twice (line 1)"},
		{"items twice in JSON", `{"apiVersion":"v1","kind":"List","items":[],"items":[]}`, "document 1 (List): items: appears twice (line 1)"},
		{"label twice in JSON", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","labels":{"b":"c","b":"d"}}}`, "metadata.labels.b: appears twice (line 1)"},
		{"two Services", serviceS + "  clusterIP: 10.0.0.1\n---\n" + serviceS + "  clusterIP: 10.0.0.2\n", "document 2 (Service n/s): metadata.name: already taken by document 1"},
		{"two Services but for letter case", serviceS + "  clusterIP: 10.0.0.1\n---\n" + strings.Replace(serviceS, "name: s", "name: S", 1) + "  clusterIP: 10.0.0.2\n", "document 2 (Service n/S): metadata.name: already taken by document 1"},
		{"twice", namespaceN + "---\n" + namespaceN, "document 2 (Namespace n): metadata.name: already taken by document 1 (line 9)"},
		{"twice in a List", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: n}}\n- {apiVersion: v1, kind: Namespace, metadata: {name: n}}\n", "document 1, item 2 (Namespace n): metadata.name: already taken by document 1, item 1 (line 5)"},
		{"key twice", namespaceN + "  name: m\n", `document 1: mapping key "name" already defined at line 4 (line 5)`},
		{"items is a mapping", "apiVersion: v1\nkind: List\nitems: {}\n", "document 1 (List): items: is a mapping, wants a list (line 3)"},
		{"item is a string", "apiVersion: v1\nkind: List\nitems:\n- a\n", "document 1, item 1: is a string, wants a mapping (line 4)"},
		{"not a number", namespaceN + "spec: .nan\n", "document 1: unsupported value: NaN"},
		{"line breaks in a name", "apiVersion: v1\nkind: \"a\\nb\"\nmetadata:\n  name: 5\n", "document 1: metadata.name"},
		{"line in JSON", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n" + namespaceJSON + ",\n" + namespaceJSON + "]}", "document 1, item 2 (Namespace n): metadata.name: already taken by document 1, item 1 (line 3)"},
		{"billion laughs", laughs(), "document 1: document contains excessive aliasing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.text, nil)
			err := s.Load()
			if err == nil {
				t.Fatal("no error")
			}
			if got, _ := strings.CutPrefix(err.Error(), s.cfg.File+": "); !strings.Contains(got, test.want) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			if s.isSynced() || s.store.Synced() {
				t.Error("synced")
			}
		})
	}
}

const namespaceJSON = `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}`

// laughs is a small file that stands for a huge one.
func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := range 30 {
		old, next := fmt.Sprintf("a%d", i), fmt.Sprintf("a%d", i+1)
		fmt.Fprintf(&b, "%s: &%s [*%s, *%s, *%s, *%s]\n", next, next, old, old, old, old)
	}
	return b.String()
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(maxSize + 1); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	for file, want := range map[string]string{
		filepath.Join(dir, "none"): "none: no such file or directory",
		dir:                        ": not a regular file",
		big:                        "big: larger than 256 MiB",
	} {
		s := serve(t, "", func(c *Config) { c.File = file })
		if err := s.Load(); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", file, err, want)
		}
	}
}

func TestRemarks(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"other kinds", namespaceN + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k}\n",
			"passing over Deployment (apps/v1), Service (serving.knative.dev/v1)"},
		{"no Namespaces", serviceS + "  clusterIP: 10.0.0.1\n",
			"no Namespace n, so none of its names exist; kubectl get ns,svc,endpointslices,pods -A -o yaml prints Namespaces too"},
		{"no slices", namespaceN + "---\n" + serviceS + "  clusterIP: None\n",
			"no EndpointSlices, so no headless Service has addresses"},
		{"orphan", namespaceN + "---\n" + sliceS,
			"no Service for EndpointSlice n/s-1; its label kubernetes.io/service-name names one"},
		{"no Pods", namespaceN, "no Pods, so no name of a Pod exists"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.text, nil)
			if err := s.Load(); err != nil {
				t.Fatal(err)
			}
			if got := s.log.all(test.want); len(got) != 1 {
				t.Errorf("got %q", s.log.lines)
			}
		})
	}
}

// TestPasses takes a cluster's own objects that DNS can't serve, and says so.
func TestPasses(t *testing.T) {
	s := serve(t, namespaceN+"---\n"+serviceS+"  type: ExternalName\n  externalName: 192.0.2.1\n---\n"+sliceS+"addressType: FQDN\nendpoints:\n- addresses: [a.example]\n", nil)
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	if len(s.skipped) != 2 {
		t.Errorf("skipped %v", s.skipped)
	}
}
