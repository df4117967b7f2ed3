package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
)

// recorder is a Logger that remembers.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Infof(format string, args ...any)    { r.add("info", format, args) }
func (r *recorder) Warningf(format string, args ...any) { r.add("warning", format, args) }
func (r *recorder) Errorf(format string, args ...any)   { r.add("error", format, args) }

func (r *recorder) add(level, format string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, level+": "+fmt.Sprintf(format, args...))
}

// all returns the lines that contain part.
func (r *recorder) all(part string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, line := range r.lines {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return found
}

// served is a Follower with what it serves.
type served struct {
	*Follower
	store   *zone.Store
	log     *recorder
	skipped []object.Problem
}

// isSynced reports whether the Follower has written a file.
func (s *served) isSynced() bool {
	select {
	case <-s.synced:
		return true
	default:
		return false
	}
}

// serve returns a Follower of a file that holds text, configured further by change.
func serve(t testing.TB, text string, change func(*Config)) *served {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cluster.yaml")
	write(t, file, text)
	s := &served{
		store: zone.New(zone.Options{Pods: zone.PodsVerified}),
		log:   &recorder{},
	}
	cfg := Config{
		File:      file,
		Endpoints: true,
		Pods:      true,
		Imports:   true,
		Writer:    zone.NewWriter(s.store),
		Log:       s.log,
		Translator: &object.Translator{Skipped: func(p object.Problem) {
			s.skipped = append(s.skipped, p)
		}},
	}
	if change != nil {
		change(&cfg)
	}
	s.Follower = New(cfg)
	return s
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// find returns the addresses at a name of a set, or how the name does not exist.
func (s *served) find(set zone.Set, name string) string {
	r := s.store.Lookup(set, name)
	switch {
	case r.Existence == zone.NotSynced:
		return "not synced"
	case r.Existence == zone.NoName:
		return "no name"
	case r.What == zone.Alias:
		return r.Service.Target
	}
	addrs := r.AppendAddrs(nil, true, 9)
	addrs = r.AppendAddrs(addrs, false, 9)
	return strings.Trim(fmt.Sprint(addrs), "[]")
}

const cluster = `
apiVersion: v1
kind: Namespace
metadata:
  name: my-ns
---
apiVersion: v1
kind: Service
metadata: {name: my-svc, namespace: my-ns, labels: {tier: front}}
spec:
  clusterIP: 10.96.0.20
  ports:
  - {name: http, port: 80, protocol: TCP}
---
# two of one kind
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: db, namespace: my-ns}
  spec: {clusterIP: None, clusterIPs: [None]}
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata:
    name: db-abcde
    namespace: my-ns
    labels: {kubernetes.io/service-name: db}
    creationTimestamp: 2024-01-01T00:00:00Z
  addressType: IPv4
  endpoints:
  - {addresses: [10.244.0.5], hostname: db-0}
  ports: []
---
apiVersion: v1
kind: Service
metadata: {name: out, namespace: my-ns}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: my-ns}
status: {podIP: 10.244.0.9}
---
apiVersion: multicluster.x-k8s.io/v1beta1
kind: ServiceImport
metadata: {name: far, namespace: my-ns}
spec: {type: ClusterSetIP, ips: [10.97.0.1], ports: [{port: 80}]}
`

func TestLoad(t *testing.T) {
	s := serve(t, cluster, nil)
	if s.isSynced() {
		t.Error("synced before Load")
	}
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	if !s.isSynced() {
		t.Error("not synced after Load")
	}
	for name, want := range map[string]string{
		"my-svc.my-ns.svc":        "10.96.0.20",
		"db.my-ns.svc":            "10.244.0.5",
		"db-0.db.my-ns.svc":       "10.244.0.5",
		"out.my-ns.svc":           "example.com",
		"10-244-0-9.my-ns.pod":    "10.244.0.9",
		"10-244-0-8.my-ns.pod":    "no name",
		"other.my-ns.svc":         "no name",
		"my-svc.other.svc":        "no name",
		"_http._tcp.my-svc.my-ns": "no name",
	} {
		if got := s.find(zone.Local, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := s.find(zone.Imported, "far.my-ns.svc"); got != "10.97.0.1" {
		t.Errorf("import: got %q", got)
	}
	if len(s.log.all("warning")) > 0 {
		t.Errorf("warnings: %q", s.log.all("warning"))
	}
}

func TestFilters(t *testing.T) {
	const other = cluster + `
---
apiVersion: v1
kind: Namespace
metadata: {name: two, labels: {team: b}}
---
apiVersion: v1
kind: Service
metadata: {name: my-svc, namespace: two}
spec: {clusterIP: 10.96.0.30}
`
	for _, test := range []struct {
		name   string
		change func(*Config)
		served map[string]bool
	}{
		{"namespaces", func(c *Config) { c.Namespaces = []string{"two"} },
			map[string]bool{"my-svc.two.svc": true, "my-svc.my-ns.svc": false}},
		{"namespace labels", func(c *Config) { c.NamespaceLabels = selector(t, "team=b") },
			map[string]bool{"my-svc.two.svc": true, "my-svc.my-ns.svc": false}},
		{"labels", func(c *Config) { c.Labels = selector(t, "tier in (front)") },
			map[string]bool{"my-svc.two.svc": false, "my-svc.my-ns.svc": true, "db.my-ns.svc": false, "10-244-0-9.my-ns.pod": false}},
		{"no endpoints", func(c *Config) { c.Endpoints = false },
			map[string]bool{"my-svc.my-ns.svc": true, "db.my-ns.svc": false}},
		{"no pods", func(c *Config) { c.Pods = false },
			map[string]bool{"my-svc.my-ns.svc": true, "10-244-0-9.my-ns.pod": false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, other, test.change)
			if err := s.Load(); err != nil {
				t.Fatal(err)
			}
			for name, want := range test.served {
				if got := s.find(zone.Local, name); (got != "no name") != want {
					t.Errorf("%s: got %q, served %v", name, got, want)
				}
			}
		})
	}
}

func TestForms(t *testing.T) {
	const ns = `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}`
	const svc = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"n"},"spec":{"clusterIP":"10.0.0.1"}}`
	for name, text := range map[string]string{
		"JSON List":              `{"apiVersion":"v1","kind":"List","items":[` + ns + "," + svc + `]}`,
		"JSON with tabs":         "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"List\",\n\t\"items\": [\n\t" + ns + ",\n\t" + svc + "]\n}\n",
		"JSON after JSON":        ns + "\n" + svc,
		"JSON documents":         "---\n" + ns + "\n---\n" + svc + "\n---\n",
		"JSON, then YAML":        ns + "\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  namespace: n\nspec:\n  clusterIP: 10.0.0.1\n",
		"typed List":             ns + `{"apiVersion":"v1","kind":"ServiceList","items":[{"metadata":{"name":"s","namespace":"n"},"spec":{"clusterIP":"10.0.0.1"}}]}`,
		"indented YAML":          "  apiVersion: v1\n  kind: List\n  items:\n  - " + ns + "\n  - " + svc,
		"empty documents":        "---\n# none\n---\n" + ns + "\n---\n---\n" + svc + "\n...\n",
		"byte order mark":        "\ufeff" + ns + "\n---\n" + svc,
		"UTF-16":                 utf16(ns + "\n---\n" + svc),
		"carriage returns":       "apiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: n\r\n---\r\n" + svc + "\r\n",
		"anchors and merge keys": "apiVersion: v1\nkind: List\nx: &h {apiVersion: v1}\nitems:\n- {<<: *h, kind: Namespace, metadata: {name: n}}\n- " + svc,
		"unknown fields":         ns + strings.Replace(svc, `"spec":{`, `"spec":{"new":[{}],`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, text, nil)
			if err := s.Load(); err != nil {
				t.Fatal(err)
			}
			if got := s.find(zone.Local, "s.n.svc"); got != "10.0.0.1" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// utf16 is what PowerShell's > writes.
func utf16(ascii string) string {
	out := []byte{0xff, 0xfe}
	for _, c := range []byte(ascii) {
		out = append(out, c, 0)
	}
	return string(out)
}
