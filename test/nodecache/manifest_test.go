package nodecache

import (
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// manifest is the Corefile of Kubernetes 1.37.2's nodelocaldns.yaml, unchanged.
const manifest = "../../nodecache/corefile/testdata/nodelocaldns.Corefile"

// TestManifest starts with the Corefile and the arguments of the official manifest. Both name port
// 53, so the node cache listens on loopback addresses that nothing else uses. The ports of its
// pages must be free.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	local, service := netip.MustParseAddrPort("127.53.20.10:53"), netip.MustParseAddrPort("127.53.0.10:53")
	run.ClusterDNSAt(t, netip.MustParseAddrPort("127.53.0.11:53"))
	outside := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr
	stub := testkit.Serve(t, testkit.Address("192.0.2.2", 60)).Addr

	t.Setenv("KUBE_DNS_UPSTREAM_SERVICE_HOST", "127.53.0.11")
	dir, kubeDNS := t.TempDir(), t.TempDir()
	run.Write(t, dir, "Corefile.base", string(text))
	run.Write(t, kubeDNS, "stubDomains", `{"acme.local": ["`+stub.String()+`"]}`)
	run.Write(t, kubeDNS, "upstreamNameservers", `["`+outside.String()+`"]`)
	node := run.Start(t, exec.Command(run.Program(), "-localip", "127.53.20.10,127.53.0.10", "-setupinterface=false", "-setupiptables=false",
		"-upstreamsvc", "kube-dns-upstream", "-basecorefile", "Corefile.base", "-kubednscm", kubeDNS), dir)
	node.Answers(local)

	for _, at := range []netip.AddrPort{local, service} {
		run.Equal(t, "cluster", run.Dig(t, at, "my-svc.my-ns.svc.cluster.local"), "NOERROR; my-svc.my-ns.svc.cluster.local. A 10.96.0.20")
		run.Equal(t, "reverse", run.Dig(t, at, "-x", "10.96.0.20"), "NOERROR; 20.0.96.10.in-addr.arpa. PTR my-svc.my-ns.svc.cluster.local.")
		run.Equal(t, "reverse, IPv6", run.Dig(t, at, "-x", "fd00:10:96::21"),
			"NOERROR; 1.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa. PTR dual.my-ns.svc.cluster.local.")
		run.Equal(t, "stub domain", run.Dig(t, at, "www.acme.local"), "NOERROR; www.acme.local. A 192.0.2.2")
		run.Equal(t, "outside", run.Dig(t, at, "+tcp", "www.example.org"), "NOERROR; www.example.org. A 192.0.2.1")
	}
	if status, body := run.Get(t, "http://127.53.20.10:8080/health"); status != 200 || body != "OK" {
		t.Errorf("/health: %d %s", status, body)
	}
	if m := run.Scrape(t, "127.53.20.10:9253"); m.Sum("coredns_dns_requests_total", `server="dns://127.53.20.10:53"`, `zone="acme.local."`) != 1 {
		t.Errorf("the stub domain's query is not counted at :9253: %v", m)
	}
	if m := run.Scrape(t, "127.0.0.1:9353"); m.Sum("coredns_proxy_request_duration_seconds_count", `to="127.53.0.11:53"`) < 1 || m.Sum("coredns_nodecache_setup_errors_total") != 0 {
		t.Error("metrics of the upstream or of errors at setup")
	}
}

// TestKubeDNS shows that the node cache follows the kube-dns ConfigMap, also with
// -reloadwithsignal. While the ConfigMap is wrong, its last good content stays.
func TestKubeDNS(t *testing.T) {
	t.Parallel()
	outside := testkit.Serve(t, testkit.Address("192.0.2.1", 1)).Addr
	stub := testkit.Serve(t, testkit.Address("192.0.2.2", 1)).Addr
	addr, kubeDNS := testkit.FreeAddr(t), t.TempDir()
	node := run.NodeCache(t, example(addr, outside, "reload 2s 0s"), "-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false", "-dns.port", port(addr), "-kubednscm", kubeDNS)
	node.Answers(addr)
	const name = "www.acme.local"
	run.Equal(t, "without a stub domain", run.Dig(t, addr, name), "NOERROR; www.acme.local. A 192.0.2.1")

	run.Write(t, kubeDNS, "stubDomains", `{"acme.local": ["`+stub.String()+`"]}`)
	node.Logs("a changed Corefile was taken in")
	run.Equal(t, "with one", run.Dig(t, addr, name), "NOERROR; www.acme.local. A 192.0.2.2")

	path := run.Write(t, kubeDNS, "stubDomains", `{"acme.local": "nonsense"}`)
	node.Logs("the kube-dns ConfigMap is left out", path)
	node.Write("Corefile", example(addr, outside, "reload 2s 0s\n\tbufsize 1232"))
	testkit.Eventually(t, "the Corefile is taken in", func() bool { return len(node.Logged("a changed Corefile was taken in")) == 2 })
	run.Equal(t, "while the ConfigMap is wrong", run.Dig(t, addr, name), "NOERROR; www.acme.local. A 192.0.2.2")
	run.Equal(t, "errors at setup", node.Scrape().Sum("coredns_nodecache_setup_errors_total", `errortype="configmap"`), 1)
	run.Equal(t, "lines about it", len(node.Logged("the kube-dns ConfigMap is left out")), 1)
}
