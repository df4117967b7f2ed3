package node

import (
	"slices"
	"testing"
	"time"
)

// killed shows that the node is as it was, and its queries are answered, as soon as the node
// cache is killed.
func killed(t *testing.T, w *world) {
	before := w.state(t)
	c := startCache(t)
	l := startLoad()
	l.udp(w.a, clusterIP, 1000, 4)
	l.udp(w.b, clusterIP6, 800, 4)
	l.tcp(w.b, clusterIP, 200, 4)
	time.Sleep(2 * time.Second)
	c.Kill()
	dead := time.Now()
	w.unchanged(t, before)
	t.Logf("the node is as it was %v after the kill at most", time.Since(dead).Round(time.Millisecond))
	time.Sleep(2 * time.Second)
	again := startCache(t)
	time.Sleep(time.Second)
	if !cacheAnswers(w.a, clusterIP) {
		t.Error("the next node cache does not take over")
	}
	asks := l.end()
	again.Stop()
	w.unchanged(t, before)

	sent := slices.IndexFunc(asks, func(a asked) bool { return !a.at.Before(dead) })
	lost(t, "later than the kill", asks[sent:])
	if most := slowest(asks[sent:]); most > time.Second {
		t.Errorf("a query later than the kill took %v", most)
	}
	t.Logf("the first query later than the kill, after %v, was answered after %v", asks[sent].at.Sub(dead), asks[sent].took)
	t.Logf("%d of %d queries that were sent before were lost", count(asks[:sent]), sent)
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
