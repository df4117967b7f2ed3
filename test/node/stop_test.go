package node

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stops shows that a node cache ends in time whenever it is told to, in the middle of its start
// or of a reload, and leaves nothing behind.
func stops(t *testing.T, w *world) {
	const together, each = 4, 50
	before := w.state(t)
	var group sync.WaitGroup
	for range together {
		group.Go(func() {
			for range each {
				c := launch(t, all)
				time.Sleep(rand.N(150 * time.Millisecond)) // #nosec G404 -- any time
				c.rewrite("cache 30", "cache 20")
				if len(c.Logged("answering")) > 0 { // before, the signal is not caught
					c.Signal(syscall.SIGHUP)
					time.Sleep(rand.N(20 * time.Millisecond)) // #nosec G404 -- any time
				}
				c.Signal(syscall.SIGTERM)
				if code := c.Wait(10 * time.Second); code > 0 {
					t.Errorf("exit code %d", code)
				}
			}
		})
	}
	group.Wait()
	w.unchanged(t, before)
}
