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

func transferred(t *testing.T, k *Kubernetes, name string, serial uint32) (rrs []dns.RR) {
	t.Helper()
	ch, err := k.Transfer(name, serial)
	if err != nil {
		t.Fatal(err)
	}
	for batch := range ch {
		rrs = append(rrs, batch...)
	}
	return rrs
}

func TestTransfer(t *testing.T) {
	k, _ := testHandler(testConfig())
	for name, want := range map[string][]string{
		"cluster.local.": {
			"cluster.local.	5	IN	NS	dns.ns.svc.cluster.local.",
			"web.ns.svc.cluster.local.	5	IN	AAAA	fd00::20",
			"web.ns.svc.cluster.local.	5	IN	SRV	0 50 80 web.ns.svc.cluster.local.",
			"_http._tcp.web.ns.svc.cluster.local.	5	IN	SRV	0 50 80 web.ns.svc.cluster.local.",
			"db.ns.svc.cluster.local.	5	IN	A	10.0.0.2",
			"db-0.db.ns.svc.cluster.local.	5	IN	A	10.0.0.1",
			"_http._tcp.db.ns.svc.cluster.local.	5	IN	SRV	0 50 80 db-0.db.ns.svc.cluster.local.",
			"ext.ns.svc.cluster.local.	5	IN	CNAME	example.com.",
		},
		"clusterset.local.": {"db-0.east.db.ns.svc.clusterset.local.	5	IN	A	10.9.0.1"},
		"in-addr.arpa.": {
			"20.0.96.10.in-addr.arpa.	5	IN	PTR	web.ns.svc.cluster.local.",
			"1.0.0.10.in-addr.arpa.	5	IN	PTR	db-0.db.ns.svc.cluster.local.",
		},
	} {
		rrs := transferred(t, k, name, 0)
		have := map[string]bool{}
		for _, rr := range rrs {
			have[rr.String()] = true
		}
		for _, w := range want {
			if !have[w] {
				t.Errorf("%s lacks %s", name, w)
			}
		}
		if first, last := rrs[0], rrs[len(rrs)-1]; first.Header().Rrtype != dns.TypeSOA || last.Header().Rrtype != dns.TypeSOA {
			t.Errorf("%s: from %v to %v", name, first, last)
		}
	}
	if rrs := transferred(t, k, "cluster.local.", k.responder.Store.Serial(0)); len(rrs) != 1 {
		t.Errorf("IXFR at the current serial: %d records", len(rrs)) // RFC 1995
	}
	for _, name := range []string{"svc.cluster.local.", "example.com."} {
		if _, err := k.Transfer(name, 0); err != transfer.ErrNotAuthoritative {
			t.Errorf("%s: %v", name, err)
		}
	}
}
