package listen

import (
	"io"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
)

// TestLedger adds up the counters of two fronts. They stay when one of them closes.
func TestLedger(t *testing.T) {
	var l Ledger
	want := func(accepted, malformed uint64, open int) {
		t.Helper()
		testkit.Eventually(t, "the sums are right", func() bool {
			n := l.Counts().TCP
			return n.Accepted == accepted && n.Malformed == malformed && n.Open == open
		})
	}
	want(0, 0, 0)
	fronts := []*running{start(t, Config{}, echo, "127.0.0.1:0"), start(t, Config{}, echo, "127.0.0.1:0")}
	for _, f := range fronts {
		l.Add(f.Front)
		c := dial(t, "tcp", f.Addrs()[0])
		if _, err := c.Write([]byte{0, 0}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(c)
		dial(t, "tcp", f.Addrs()[0])
	}
	want(4, 2, 2)
	fronts[0].stop()
	want(4, 2, 1)
	l.Remove(fronts[0].Front)
	l.Remove(fronts[0].Front)
	want(4, 2, 1)
	if n := len(l.open); n != 1 {
		t.Errorf("%d fronts are open", n)
	}
}
