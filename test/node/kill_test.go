package node

import (
	"slices"
	"testing"
	"time"
)

// killed shows that as soon as the node cache is killed, the node is as it was and queries are
// answered.
func killed(t *testing.T, w *world) {
	before := w.state(t)
	c := startCache(t)
	l := startLoad()
	l.udp(w.a, clusterIP, 1000, 4)
	l.udp(w.b, clusterIP6, 800, 4)
	l.tcp(w.b, clusterIP, 200, 4)
	time.Sleep(2 * time.Second) // under load
	c.Kill()
	dead := time.Now()
	w.unchanged(t, before)
	t.Logf("the node is as it was %v after the kill at most", time.Since(dead).Round(time.Millisecond))
	time.Sleep(2 * time.Second) // under load, with kube-proxy alone
	again := startCache(t)
	time.Sleep(time.Second) // under load
	if !cacheAnswers(w.a, clusterIP) {
		t.Error("the next node cache does not take over")
	}
	asks := l.end()
	again.Stop()
	w.unchanged(t, before)

	answered(t, "killed", asks, dead)
}

// answered fails the test unless every query that was sent after the node cache's death was
// answered within 1 s.
func answered(t *testing.T, what string, asks []asked, dead time.Time) {
	t.Helper()
	sent := slices.IndexFunc(asks, func(a asked) bool { return !a.at.Before(dead) })
	lost(t, what+", later than that", asks[sent:])
	if most := slowest(asks[sent:]); most > time.Second {
		t.Errorf("%s: a query later than that took %v", what, most)
	}
	t.Logf("%s: the next query, after %v, was answered after %v", what, asks[sent].at.Sub(dead), asks[sent].took)
	t.Logf("%s: %d of %d queries that were sent before were lost", what, count(asks[:sent]), sent)
}

// count returns how many of the queries were lost.
func count(asks []asked) (n int) {
	for _, a := range asks {
		if a.err != "" {
			n++
		}
	}
	return n
}
