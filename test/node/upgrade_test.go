package node

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// slow is how much longer an upgrade may make a query take.
const slow = 100 * time.Millisecond

// upgrades shows that ten upgrades under load lose no query and keep none waiting.
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
		time.Sleep(300 * time.Millisecond) // under load, before the next
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

// oneHangs shows that two processes, as during an upgrade, are told apart: if one hangs, the other
// doesn't seem to hang too, and the one that hangs doesn't seem to be well.
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

	// A process that asks itself could take the other's answer for its own.
	hear := deafen(t, two[1].PID(), unix.SOCK_DGRAM, 1000)
	oneOfTwo(t, "deaf", two)
	if two[1].Scrape().Sum("nodecache_interception_active") != 0 || len(two[1].Logged("no answer of its own")) == 0 {
		t.Errorf("the one that is deaf takes the other's answers for its own:\n%s", two[1].Log())
	}
	hear()
	bothTake(t, "deaf no more", two)
}

// oneOfTwo fails the test unless the first process has the queries, and -probe succeeds for it and
// fails for the second.
func oneOfTwo(t *testing.T, how string, two [2]*run.Container) {
	t.Helper()
	time.Sleep(giveBack) // in which the other must give nothing back
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

// bothTake waits until both processes have the queries.
func bothTake(t *testing.T, when string, two [2]*run.Container) {
	t.Helper()
	for _, c := range two {
		testkit.Eventually(t, when+": both have the queries", func() bool { return c.Scrape().Sum("nodecache_interception_active") == 1 })
	}
}
