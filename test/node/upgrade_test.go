package node

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/test/nodecache/run"
)

// slow is how much time a query may take because of an upgrade.
const slow = 100 * time.Millisecond

// upgrades shows that none of ten upgrades under load loses a query, or keeps one waiting.
func upgrades(t *testing.T, w *world) {
	before := w.state(t)
	c := startCache(t)
	clients := func() *load {
		l := startLoad()
		for _, p := range []*pod{w.a, w.b} {
			l.udp(p, clusterIP, 1500, 3)
			l.udp(p, linkLocal, 1000, 2)
			l.tcp(p, clusterIP6, 250, 3)
			l.kept(p, linkLocal, 100, 5)
		}
		return l
	}
	l := clients()
	time.Sleep(5 * time.Second)
	alone := l.end()
	lost(t, "without an upgrade", alone)
	l = clients()
	began := time.Now()
	for range 10 {
		next := startCache(t)
		c.Stop()
		c = next
		time.Sleep(300 * time.Millisecond)
	}
	lasted := time.Since(began)
	asks := l.end()
	lost(t, "ten upgrades", asks)
	if least := int(lasted.Seconds() * 5000); len(asks) < least {
		t.Errorf("%d queries in %v, expected %d", len(asks), lasted, least)
	}
	if most := slowest(asks); most > slow+slowest(alone) {
		t.Errorf("a query took %v, without upgrades %v at most", most, slowest(alone))
	}
	c.Stop()
	w.unchanged(t, before)
}

// oneHangs shows that of two processes, as during an upgrade, the one that hangs does not make
// the other look bad, nor the other it look good.
func oneHangs(t *testing.T, w *world) {
	addr := netip.MustParseAddrPort(linkLocal + ":53")
	var two [2]*run.Container
	for i := range two {
		two[i] = run.NewContainer(t, addr, strings.ReplaceAll(corefile(all), "\tprometheus 127.0.0.1:9253\n", ""), "-localip", all, "-node", nodeName)
	}
	two[1].SignalInside(syscall.SIGSTOP)
	time.Sleep(giveBack)
	if code, text := two[0].Exec("-probe", "live"); code != 0 {
		t.Errorf("the one that runs: exit code %d, %s", code, text)
	}
	if code, text := two[1].Exec("-probe", "live"); code == 0 {
		t.Errorf("the one that hangs: exit code 0, %s", text)
	}
	if two[0].Scrape().Sum("nodecache_interception_active") != 1 || !intercepted(t) {
		t.Errorf("the one that runs has given the queries back:\n%s", two[0].Log())
	}
	two[1].SignalInside(syscall.SIGCONT)
	time.Sleep(2 * time.Second)
	for i, c := range two {
		if c.Scrape().Sum("nodecache_interception_active") != 1 {
			t.Errorf("process %d has not got the queries after all", i)
		}
	}
}
