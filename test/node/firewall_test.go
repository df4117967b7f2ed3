package node

import (
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// firewall shows that a node keeps its DNS if its firewall lets no query of a Pod in: the node cache
// takes no queries, and says which rules it needs. With these rules it takes them.
func firewall(t *testing.T, w *world) {
	for _, f := range []struct{ tool, dns string }{{"iptables", "10.244.9.0/24"}, {"ip6tables", "fd00:244:9::/64"}} {
		for _, rule := range []string{"-i lo", "-m conntrack --ctstate ESTABLISHED,RELATED", "-p ipv6-icmp", "-s " + f.dns} {
			if f.tool == "iptables" && rule == "-p ipv6-icmp" {
				continue
			}
			accept(t, f.tool+" -A INPUT "+rule+" -j ACCEPT")
		}
		netns.Sh(t, f.tool+" -P INPUT DROP")
		t.Cleanup(func() { netns.Sh(t, f.tool+" -P INPUT ACCEPT") })
	}
	c := launch(t, all)
	c.Logs("answering")
	line := c.Logs("a firewall of this host drops what comes from Pods", "iptables -I INPUT -d 169.254.20.10,10.96.0.10 -p udp --dport 53 -j ACCEPT",
		"ip6tables -I INPUT -d fd00:20::10,fd00:10:96::a -p tcp --dport 53 -j ACCEPT")
	time.Sleep(giveBack) // in which it must not intercept
	m := run.Scrape(t, c.metrics)
	if !m.Has("nodecache_interception_active") || m.Sum("nodecache_interception_active") != 0 || intercepted(t) {
		t.Error("queries are intercepted, or the metric is not there")
	}
	for _, server := range []string{clusterIP, clusterIP6} {
		if got := w.a.Dig(server, web); got != webIP || cacheAnswers(w.a, server) {
			t.Errorf("%s at %s, or it is the node cache's answer", got, server)
		}
	}
	_, commands, _ := strings.Cut(line, "allow DNS: ")
	for command := range strings.SplitSeq(strings.Trim(commands, "\"\n"), "; ") {
		accept(t, command)
	}
	testkit.Eventually(t, "with its rules it intercepts", c.active)
	for _, server := range strings.Split(all, ",") {
		if !cacheAnswers(w.a, server) {
			t.Errorf("at %s it does not answer", server)
		}
	}
	c.Stop()
}

// accept runs an iptables command that adds a rule, and deletes the rule at the end of the test.
func accept(t *testing.T, command string) {
	t.Helper()
	netns.Sh(t, command)
	t.Cleanup(func() { netns.Sh(t, strings.NewReplacer(" -I ", " -D ", " -A ", " -D ").Replace(command)) })
}
