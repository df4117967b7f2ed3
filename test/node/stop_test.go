package node

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
)

// stops shows that a node cache ends whenever a signal comes, in the middle of its start or of a
// reload too, and leaves nothing behind.
func stops(t *testing.T, w *world) {
	const together, each = 4, 50
	before := w.state(t)
	var reloaded atomic.Int32
	var group sync.WaitGroup
	for range together {
		group.Go(func() {
			for i := range each {
				c := launch(t, all)
				if i%2 == 0 {
					c.Logs("answering")
				}
				time.Sleep(rand.N(150 * time.Millisecond)) // to stop it at any moment
				c.rewrite("cache 30", "cache 20")
				if len(c.Logged("answering")) > 0 { // before, the signal is not caught
					c.Signal(syscall.SIGHUP)
					reloaded.Add(1)
					time.Sleep(rand.N(20 * time.Millisecond)) // at any moment of the reload
				}
				c.Signal(syscall.SIGTERM)
				if code := c.Wait(testkit.Patience); code > 0 {
					t.Errorf("exit code %d", code)
				}
			}
		})
	}
	group.Wait()
	n := reloaded.Load()
	t.Logf("%d of %d were stopped in the middle of a reload or after it, the others before they answered", n, together*each)
	if n < together*each/10 || n == together*each {
		t.Error("expected some of both")
	}
	w.unchanged(t, before)
}
