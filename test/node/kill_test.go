package node

import (
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

	var unlucky, later []asked
	last := dead
	for _, a := range asks {
		switch {
		case a.err != "" && a.at.Before(dead.Add(time.Second)):
			unlucky = append(unlucky, a)
			last = a.at
		default:
			later = append(later, a)
		}
	}
	lost(t, "killed", later)
	t.Logf("%d queries on their way were lost, the last of them sent %v after the kill", len(unlucky), last.Sub(dead).Round(time.Millisecond))
}
