package kubernetes

import (
	"context"
	"fmt"
	"testing"

	"github.com/coredns/coredns/plugin/autopath"
	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/ready"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/plugin/transfer"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// What other plugins ask of this one.
var (
	_ autopath.AutoPather = (*Kubernetes)(nil)
	_ metadata.Provider   = (*Kubernetes)(nil)
	_ ready.Readiness     = (*Kubernetes)(nil)
	_ transfer.Transferer = (*Kubernetes)(nil)
)

// state is a query from the Pod ns/client, or, without ip, from somewhere else.
func state(name, ip string) request.Request {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	return request.Request{Req: m, W: &test.ResponseWriter{RemoteIP: ip}}
}

func TestAutoPath(t *testing.T) {
	k, _ := testHandler(testConfig())
	got := fmt.Sprintf("%q", k.AutoPath(state("a.ns.svc.cluster.local.", "10.240.0.1")))
	if got != `["ns.svc.cluster.local." "svc.cluster.local." "cluster.local." "example.net." ""]` {
		t.Error(got)
	}
	if got := k.AutoPath(state("a.ns.svc.cluster.local.", "10.240.0.2")); got != nil {
		t.Errorf("unknown client: %q", got)
	}
	if got := k.AutoPath(state("example.com.", "10.240.0.1")); got != nil {
		t.Errorf("another zone: %q", got)
	}
}

func TestMetadata(t *testing.T) {
	k, _ := testHandler(testConfig())
	for _, tt := range []struct {
		name, ip string
		want     map[string]string
	}{
		{"_http._tcp.web.ns.svc.cluster.local.", "10.240.0.1", map[string]string{
			"port-name": "http", "protocol": "tcp", "endpoint": "", "service": "web", "namespace": "ns", "kind": "svc", "zone": "",
			"client-namespace": "ns", "client-pod-name": "client", "client-label/app": "web",
		}},
		{"db-0.east.db.ns.svc.clusterset.local.", "192.0.2.1", map[string]string{
			"port-name": "", "protocol": "", "endpoint": "db-0", "cluster": "east", "service": "db", "namespace": "ns", "kind": "svc", "zone": "",
		}},
		{"a.pin._zone.db.ns.svc.cluster.local.", "192.0.2.1", map[string]string{"zone": "a", "service": "db"}},
		{"10-240-0-1.ns.pod.cluster.local.", "192.0.2.1", map[string]string{"kind": "pod", "service": "10-240-0-1"}},
		{"nonsense.cluster.local.", "192.0.2.1", map[string]string{"parse-error": "invalid query name"}},
	} {
		ctx := metadata.ContextWithMetadata(context.Background())
		ctx = k.Metadata(ctx, state(tt.name, tt.ip))
		for label, want := range tt.want {
			f := metadata.ValueFunc(ctx, "kubernetes/"+label)
			if f == nil {
				t.Errorf("%s: no %s", tt.name, label)
			} else if got := f(); got != want {
				t.Errorf("%s: %s is %q, want %q", tt.name, label, got, want)
			}
		}
		if f := metadata.ValueFunc(ctx, "kubernetes/client-pod-name"); tt.ip == "192.0.2.1" && f != nil {
			t.Errorf("%s: client %s", tt.name, f())
		}
	}
}
