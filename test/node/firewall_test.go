package node

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/test/nodecache/run"
)

// firewall shows that a node whose firewall lets no query of a Pod in keeps its DNS: the node
// cache takes nothing, and says which rule it needs. With that rule, it does.
func firewall(t *testing.T, w *world) {
	const rules = `iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -s 10.244.9.0/24 -j ACCEPT
iptables -P INPUT DROP`
	clean := func() {
		_ = exec.Command("sh", "-c", "iptables -P INPUT ACCEPT; iptables -F INPUT; iptables -F OUTPUT").Run()
	}
	if w.mode == "iptables" { // its own rules are there
		clean = func() {
			_ = exec.Command("sh", "-c", strings.ReplaceAll("iptables -P INPUT ACCEPT\n"+rules[:strings.LastIndex(rules, "\n")], " -A ", " -D ")).Run()
		}
	}
	t.Cleanup(clean)
	sh(t, rules)
	c := launch(t, linkLocal+","+clusterIP)
	c.Logs("answering")
	line := c.Logs("a firewall of this host drops what comes from pods", "iptables -I INPUT -d 169.254.20.10,10.96.0.10 -p udp --dport 53 -j ACCEPT")
	time.Sleep(3 * time.Second)
	if c.active() || intercepted(t) {
		t.Error("queries are intercepted")
	}
	if got := w.a.dig(clusterIP, web); got != webIP || cacheAnswers(w.a, clusterIP) {
		t.Errorf("%s, or it is the node cache's answer", got)
	}
	_, commands, _ := strings.Cut(line, "allow DNS: ")
	for command := range strings.SplitSeq(strings.Trim(commands, "\"\n"), "; ") {
		sh(t, command)
		t.Cleanup(func() { _ = exec.Command("sh", "-c", strings.ReplaceAll(command, " -I ", " -D ")).Run() })
	}
	run.Eventually(t, 5*time.Second, "with its rules it intercepts", c.active)
	if !cacheAnswers(w.a, clusterIP) {
		t.Error("it does not answer")
	}
	c.Stop()
}
