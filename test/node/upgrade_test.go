package node

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/test/nodecache/run"
)

// slow is how much time a query may take because of an upgrade.
const slow = 100 * time.Millisecond

// upgrades shows that none of ten upgrades under load loses a query, or keeps one waiting.
func upgrades(t *testing.T, w *world) {
	before := w.state(t)
	c := startCache(t)
	l := startLoad()
	for _, p := range []*pod{w.a, w.b} {
		l.udp(p, clusterIP, 1500, 3)
		l.udp(p, linkLocal, 1000, 2)
		l.tcp(p, clusterIP6, 250, 3)
		l.kept(p, linkLocal, 100, 5)
		l.direct(p, dnsAddr(w.dnsHosts()[0]), 100, 2)
	}
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
	if least := int(lasted.Seconds() * (5000 + 200)); len(asks) < least {
		t.Errorf("%d queries in %v, expected %d", len(asks), lasted, least)
	}
	if most := slower(asks, "direct", slow); most > slow {
		t.Errorf("a query took %v longer than those that no upgrade concerns", most)
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
	oneOfTwo(t, "stopped", two)
	two[1].SignalInside(syscall.SIGCONT)
	bothTake(t, "stopped no more", two)

	// A process that runs can be fooled: it asks, and the other answers.
	hear := deafen(t, two[1].PID(), unix.SOCK_DGRAM, 1000)
	oneOfTwo(t, "deaf", two)
	if two[1].Scrape().Sum("nodecache_interception_active") != 0 || len(two[1].Logged("no answer of its own")) == 0 {
		t.Errorf("the one that is deaf takes the other's answers for its own:\n%s", two[1].Log())
	}
	hear()
	bothTake(t, "deaf no more", two)
}

// oneOfTwo fails the test unless the first process has the queries, and a probe tells which of
// the two answers.
func oneOfTwo(t *testing.T, how string, two [2]*run.Container) {
	t.Helper()
	time.Sleep(giveBack)
	if code, text := two[0].Exec("-probe", "live"); code != 0 {
		t.Errorf("%s: the one that runs: exit code %d, %s", how, code, text)
	}
	if code, text := two[1].Exec("-probe", "live"); code == 0 {
		t.Errorf("%s: the one that hangs: exit code 0, %s", how, text)
	}
	if two[0].Scrape().Sum("nodecache_interception_active") != 1 || !intercepted(t) {
		t.Errorf("%s: the one that runs has given the queries back:\n%s", how, two[0].Log())
	}
}

// bothTake fails the test unless both processes come to have the queries.
func bothTake(t *testing.T, when string, two [2]*run.Container) {
	t.Helper()
	for _, c := range two {
		run.Eventually(t, giveBack, when+": both have the queries", func() bool { return c.Scrape().Sum("nodecache_interception_active") == 1 })
	}
}
