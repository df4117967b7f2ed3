package node

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/netns"
	"github.com/neardns/neardns/test/nodecache/run"
)

// onlyUs are addresses that kube-proxy does not know.
const onlyUs = linkLocal + "," + linkLocal6

// fallbacks shows what -fallback does for an address that only the node cache has: when the node
// cache is killed, queries to it go to the Pods of the cluster DNS. The Corefile's forward names an
// IPv4 address, so the rule has the IPv4 addresses of the Pods alone.
func fallbacks(t *testing.T, w *world) {
	before := w.state(t)
	c := startCacheAt(t, onlyUs, "-fallback")
	testkit.Eventually(t, "the rule stands", func() bool { return strings.Contains(nodeState(t), "table inet neardns-fallback") })
	flush(t)
	l := startLoad()
	l.udp(w.a, linkLocal, 1000, 4)
	l.tcp(w.b, linkLocal, 100, 2)
	time.Sleep(2 * time.Second) // under load
	if entries := tracked(t); len(entries) > 0 {
		t.Errorf("the rule applies while queries are intercepted: %d entries, such as %s", len(entries), entries[0])
	}
	c.Kill()
	dead := time.Now()
	time.Sleep(3 * time.Second) // under load
	if cacheAnswers(w.a, linkLocal) {
		t.Error("the node cache answers after its death")
	}
	if got := netns.Dig(linkLocal, web); got != webIP {
		t.Errorf("host: %s", got)
	}
	again := startCacheAt(t, onlyUs, "-fallback")
	time.Sleep(time.Second) // under load
	if !cacheAnswers(w.a, linkLocal) {
		t.Error("the next one does not take over")
	}
	answered(t, "killed, with an address that only it knows", l.end(), dead)
	again.Kill()
	remove(t)
	w.unchanged(t, before)
	w.podsMove(t)
	remove(t)
	if is := nodeState(t); strings.Contains(is, "neardns") {
		t.Errorf("left behind:\n%s", is)
	}
}

// remove deletes the rules that -fallback leaves.
func remove(t *testing.T) {
	t.Helper()
	if out, err := exec.Command(run.Program(), "-remove").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("-remove: %v, %s", err, out)
	}
}

// podsMove shows what README says about Pods that move: a running node cache follows them, and so
// does the rule. While no node cache runs, the rule leads to where they were.
func (w *world) podsMove(t *testing.T) {
	c := startCacheAt(t, onlyUs, "-fallback")
	old := w.dnsHosts()
	moved := w.spare()
	w.addDNS(moved[0])
	testkit.Eventually(t, "the rule has the new Pod", func() bool { return w.ruled(t) })
	c.Kill()
	w.addDNS(moved[1])
	for _, host := range append(old, moved[0]) {
		w.removeDNS(host)
	}
	if got := w.a.Dig(linkLocal, web); !strings.HasPrefix(got, "failed: ") {
		t.Errorf("with all Pods moved and no cache: %s, expected no answer", got)
	}
	c = startCacheAt(t, onlyUs, "-fallback")
	if got := w.a.Dig(linkLocal, web); got != webIP {
		t.Errorf("with a cache again: %s", got)
	}
	testkit.Eventually(t, "the rule has the new Pod, and none that is gone", func() bool { return w.ruled(t) })
	c.Kill()
	testkit.Within(t, time.Second, "it is answered without the cache", func() bool { return w.a.Dig(linkLocal, web) == webIP })
	w.addDNS(w.spare()[0])
}

// ruled reports whether the rule leads to all Pods of the cluster DNS, and to nothing else.
func (w *world) ruled(t *testing.T) bool {
	t.Helper()
	var pods, to []string
	for _, host := range w.dnsHosts() {
		pods = append(pods, dnsAddr(host))
	}
	for _, m := range regexp.MustCompile(`dnat ip to (10\.244\.9\.\d+)`).FindAllStringSubmatch(nodeState(t), -1) {
		to = append(to, m[1])
	}
	slices.Sort(to)
	return sameWords(slices.Compact(to), pods)
}
