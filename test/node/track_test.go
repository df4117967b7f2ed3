package node

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/test/netns"
)

// untracked shows that queries of Pods and of the host leave no entry in connection tracking with
// the node cache, and thousands without it, and that few connections lead upstream.
func untracked(t *testing.T, w *world) {
	const queries = 10000
	flush(t)
	w.many(t, "without the cache", clusterIP, clusterIP6)
	if n := len(tracked(t)); n < queries/10 {
		t.Errorf("without the cache there are %d entries, expected thousands", n)
	} else {
		t.Logf("without the cache: %d entries", n)
	}
	c := startCache(t)
	flush(t)
	most := watchUpstream(t)
	w.many(t, "with it", strings.Split(all, ",")...)
	for _, server := range strings.Split(all, ",") {
		if udp, tcp := netns.Dig(server, web), netns.Dig(server, web, "+tcp"); udp != webIP || tcp != webIP {
			t.Errorf("host at %s: %s, %s over TCP", server, udp, tcp)
		}
	}
	if entries := tracked(t); len(entries) > 0 {
		t.Errorf("with the cache there are %d entries, such as %s", len(entries), entries[0])
	}
	if n := most(); n > 4 || n == 0 {
		t.Errorf("%d connections to one Pod of the cluster DNS, expected 1 to 4", n)
	}
	c.Stop()
}

// many asks 10,000 times from both Pods: over UDP for A and AAAA at once, over TCP, and for names
// that no cache has.
func (w *world) many(t *testing.T, what string, servers ...string) {
	t.Helper()
	l := startLoad()
	for _, p := range []*pod{w.a, w.b} {
		for _, s := range servers {
			l.udp(p, s, 1600/len(servers), 2)
			l.tcp(p, s, 200/len(servers), 1)
		}
		l.misses(p, servers[0], 200, 4)
	}
	time.Sleep(3 * time.Second) // for some 12,000 queries
	asks := l.end()
	lost(t, what, asks)
	if len(asks) < 10000 {
		t.Errorf("%s: %d queries, expected 10,000", what, len(asks))
	}
}

func flush(t testing.TB) { netns.Sh(t, "conntrack -F 2>/dev/null") }

// ours matches the addresses of the Pods that ask, and the addresses of the node cache.
var ours = regexp.MustCompile(`(src|dst)=(10\.244\.[12]\.|fd00:244:[12]::|169\.254\.20\.10 |10\.96\.0\.10 |fd00:20::10 |fd00:10:96::a )`)

// tracked returns the entries of connection tracking for queries and answers of the Pods a and b
// and of the host. Those that kube-proxy sends on to the cluster DNS count too.
func tracked(t testing.TB) (entries []string) {
	t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		for line := range strings.Lines(netns.Shf(t, "conntrack -L -f %s 2>/dev/null", family)) {
			if ours.MatchString(line) && strings.Contains(line, "port=53 ") {
				entries = append(entries, strings.TrimSpace(line))
			}
		}
	}
	return entries
}

// watchUpstream counts the connections to each Pod of the cluster DNS until most is called. That
// returns the most that one Pod had at a time.
func watchUpstream(t testing.TB) (most func() int) {
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			to := map[string]int{}
			for line := range strings.Lines(netns.Sh(t, "ss -Htn state established dst 10.244.9.0/24 dport = 53")) {
				f := strings.Fields(line)
				to[f[len(f)-1]]++
			}
			for _, count := range to {
				n = max(n, count)
			}
			select {
			case <-stop:
				done <- n
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() int { close(stop); return <-done }
}
