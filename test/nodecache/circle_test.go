package nodecache

import (
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// circles are Services, two of which lead back to themselves: one by way of the node cache, one
// within CoreDNS.
const circles = `apiVersion: v1
kind: Namespace
metadata: {name: ns}
---
apiVersion: v1
kind: Service
metadata: {namespace: ns, name: web}
spec: {clusterIP: 10.96.0.20, clusterIPs: [10.96.0.20]}
---
apiVersion: v1
kind: Service
metadata: {namespace: ns, name: far}
spec: {type: ExternalName, externalName: far.back.example}
---
apiVersion: v1
kind: Service
metadata: {namespace: ns, name: near}
spec: {type: ExternalName, externalName: near.apps.example}
`

// circleCorefile has CoreDNS forward everything but the cluster to the node cache, which forwards
// everything to CoreDNS.
func circleCorefile(addr, node netip.AddrPort, snapshot string) string {
	return fmt.Sprintf(`cluster.local:%[1]d apps.example:%[1]d {
	bind %[2]s
	errors
	rewrite name suffix .apps.example .ns.svc.cluster.local answer auto
	kubernetes cluster.local {
		snapshot %[4]s
	}
}
back.example:%[1]d {
	bind %[2]s
	errors
	rewrite name suffix .back.example .ns.svc.cluster.local answer auto
	forward . %[3]s
}
.:%[1]d {
	bind %[2]s
	errors
	forward . %[3]s
}
`, addr.Port(), addr.Addr(), node, snapshot)
}

// TestCircle has CoreDNS and a node cache forward to each other, without `loop` in either. Some
// aliases go round in a circle. A query that does ends as a failure, and all other names are
// answered as before.
func TestCircle(t *testing.T) {
	t.Parallel()
	cluster, node := testkit.FreeAddr(t), testkit.FreeAddr(t)
	snapshot := run.Write(t, t.TempDir(), "records.yaml", circles)
	coredns := run.CoreDNS(t, circleCorefile(cluster, node, snapshot))
	cache := run.NodeCache(t, example(node, cluster, ""))
	good := func(addr netip.AddrPort) {
		t.Helper()
		run.Equal(t, "another name", run.Dig(t, addr, "web.ns.svc.cluster.local"), "NOERROR; web.ns.svc.cluster.local. A 10.96.0.20")
	}
	testkit.Eventually(t, "both answer", func() bool {
		return run.TryDig(cluster, "web.ns.svc.cluster.local").Status == "NOERROR" && run.TryDig(node, "web.ns.svc.cluster.local").Status == "NOERROR"
	})
	for _, name := range []string{"far.ns.svc.cluster.local", "near.ns.svc.cluster.local", "round.test"} {
		for _, addr := range []netip.AddrPort{cluster, node} {
			for _, over := range []string{"+notcp", "+tcp"} {
				if a := run.Dig(t, addr, name, over, "+time=60"); a.Status != "SERVFAIL" {
					t.Errorf("%s at %s %s: %v, want SERVFAIL", name, addr, over, a)
				}
				good(cluster)
				good(node)
			}
		}
	}
	run.Equal(t, "lines about the circle", len(coredns.Logged("lead in a circle")), 1)
	for what, p := range map[string]*run.Process{"CoreDNS": coredns, "the node cache": cache.Process} {
		if n := resident(t, p); n > 200 {
			t.Errorf("%s takes %d MB", what, n)
		}
	}
}

// resident returns how much memory a process uses, in megabytes.
func resident(t *testing.T, p *run.Process) (mb int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var total, pages int
	if _, err := fmt.Sscan(string(text), &total, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}
