package node

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// all is the addresses at which the node cache takes queries.
const all = linkLocal + "," + clusterIP + "," + linkLocal6 + "," + clusterIP6

// corefile returns the Corefile of a node cache at some addresses.
func corefile(addrs string) string {
	bind := strings.ReplaceAll(addrs, ",", " ")
	return `cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
	bind ` + bind + `
	errors
	cache {
		success 9984 30
		denial 9984 5
	}
	reload 2s 0s
	loop
	forward . 10.96.0.11 {
		force_tcp
		follow kube-dns-pods.kube-system.svc.cluster.local
	}
	health 169.254.20.10:8080
	prometheus 127.0.0.1:9253
}
.:53 {
	bind ` + bind + `
	errors
	cache 30
	reload 2s 0s
	loop
	forward . ` + outsideIP + `
}
`
}

// arguments returns the arguments of a node cache.
func arguments(addrs string, more ...string) []string {
	return append([]string{"-localip", addrs, "-conf", "Corefile", "-metrics-listen-address", "", "-node", nodeName}, more...)
}

// cache is a running node cache.
type cache struct {
	*run.Process
	t       testing.TB
	metrics string
}

// startCache starts a node cache at all addresses and waits until it takes the queries.
func startCache(t testing.TB, more ...string) *cache {
	t.Helper()
	return startCacheAt(t, all, more...)
}

// startCacheAt is startCache at some addresses.
func startCacheAt(t testing.TB, addrs string, more ...string) *cache {
	t.Helper()
	c := launch(t, addrs, more...)
	c.Logs("answering")
	testkit.Eventually(t, "it intercepts", c.active)
	return c
}

// launch is startCacheAt without waiting.
func launch(t testing.TB, addrs string, more ...string) *cache {
	t.Helper()
	dir := t.TempDir()
	run.Write(t, dir, "Corefile", corefile(addrs))
	metrics := testkit.FreeAddr(t).String()
	args := append(arguments(addrs, more...), "-prometheus-listen-address", metrics)
	return &cache{run.Start(t, exec.Command(run.Program(), args...), dir), t, metrics}
}

// active reports whether the node cache says that it takes the queries.
func (c *cache) active() bool {
	status, _ := run.Get(c.t, "http://"+c.metrics+"/metrics")
	return status == 200 && run.Scrape(c.t, c.metrics).Sum("nodecache_interception_active") == 1
}

// rewrite writes its Corefile again, with one text replaced by another.
func (c *cache) rewrite(from, to string) {
	c.Write("Corefile", strings.ReplaceAll(corefile(all), from, to))
}

// cacheAnswers reports whether a node cache answers a Pod at an address, and not the cluster DNS.
func cacheAnswers(p *pod, server string) bool { return answers(p, server, "+notcp") }

// answers is cacheAnswers over UDP, "+notcp", or "+tcp".
func answers(p *pod, server, over string) bool {
	return strings.HasPrefix(p.Dig(server, over, "CH", "TXT", "version.bind"), `"neardns nodecache`)
}
