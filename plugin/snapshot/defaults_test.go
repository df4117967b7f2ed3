package snapshot

import (
	"testing"

	"github.com/neardns/neardns/plugin/zone"
)

// TestDefaults takes a file that says no more than it has to, and finds what an API server
// would have made of it (pkg/apis/core/v1/defaults.go, pkg/apis/discovery/v1/defaults.go). The
// end-to-end tests ask an API server for the same.
func TestDefaults(t *testing.T) {
	const text = namespaceN + `
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: n}
spec: {clusterIP: 10.96.0.20, externalName: not.one.example, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: n}
spec: {clusterIP: None, ports: [{name: sql, port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: n, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
ports: [{name: sql, port: 5432}, {port: 80}]
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceImport
metadata: {name: far, namespace: n}
spec: {type: ClusterSetIP, ips: [10.112.0.1], ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
status: {podIP: 10.0.0.9}
---
apiVersion: v1
kind: Pod
metadata: {name: q, namespace: n}
status: {podIP: 10.0.0.8, podIPs: [{ip: 10.0.0.7}]}
`
	s := serve(t, text, func(c *Config) { c.NamespaceLabels = selector(t, "kubernetes.io/metadata.name=n") })
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"web.n.svc":            "10.96.0.20",
		"_http._tcp.web.n.svc": "10.96.0.20",
		"_dns._udp.web.n.svc":  "10.96.0.20",
		"_dns._tcp.web.n.svc":  "no name",
		"_sql._tcp.db.n.svc":   "10.0.0.1",
		"10-0-0-9.n.pod":       "10.0.0.9",
		"10-0-0-8.n.pod":       "10.0.0.8",
		"10-0-0-7.n.pod":       "no name", // podIP is right
	} {
		if got := s.find(zone.Local, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := s.find(zone.Imported, "_http._tcp.far.n.svc"); got != "10.112.0.1" {
		t.Errorf("imported: %s", got)
	}
}
