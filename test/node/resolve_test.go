package node

import (
	"strings"
	"testing"

	"github.com/neardns/neardns/test/netns"
)

// resolves shows that names of every kind resolve over UDP and TCP for Pods and the host, with the
// node cache and without it.
func resolves(t *testing.T, w *world) {
	before := w.state(t)
	for _, server := range []string{clusterIP, clusterIP6} {
		w.resolvesAt(t, "kube-proxy's way", server)
	}
	c := startCache(t)
	for _, server := range strings.Split(all, ",") {
		if !cacheAnswers(w.a, server) {
			t.Errorf("%s: the node cache is not asked", server)
		}
		w.resolvesAt(t, "the node cache's way", server)
	}
	c.Stop()
	w.unchanged(t, before)
}

func (w *world) resolvesAt(t *testing.T, way, server string) {
	t.Helper()
	for _, q := range []struct{ args, want string }{
		{web, webIP},
		{web + " AAAA", webIP6},
		{peers, "10.244.2.7"},
		{peers + " AAAA", "fd00:244:2::7"},
		{alias, external + ". 198.51.100.1"},
		{external, "198.51.100.1"},
		{"-x " + webIP, web + "."},
		{"nosuch.default.svc.cluster.local", ""},
	} {
		for _, network := range []string{"+notcp", "+tcp"} {
			args := append(strings.Fields(q.args), network)
			for who, got := range map[string]string{"pod": w.a.Dig(server, args...), "host": netns.Dig(server, args...)} {
				if got != q.want {
					t.Errorf("%s, %s, %s at %s: %q, want %q", way, who, strings.Join(args, " "), server, got, q.want)
				}
			}
		}
	}
	for name, want := range map[string]string{
		"web": webIP + " " + webIP6, "web.default": webIP + " " + webIP6, "peers": "10.244.2.7 fd00:244:2::7", external: "198.51.100.1 2001:db8::1",
	} {
		got := strings.Fields(w.b.getent(server, name))
		if !sameWords(got, strings.Fields(want)) {
			t.Errorf("%s, getent %s at %s: %q, want %q", way, name, server, got, want)
		}
	}
}
