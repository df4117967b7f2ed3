package nodecache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// checkup tells whether this process answers, to whoever asks, as often as they like: it looks
// once for all who wait, and not again while what it found is fresh.
type checkup struct {
	check  func(context.Context) error
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	running chan struct{} // closed when the check that runs is over; nil while none does
	at      time.Time     // when the last one was over
	err     error         // what it found
}

// fresh is how old the last check may be.
const fresh = time.Second

var errNotChecked = errors.New("the self-check goes on and has no result yet")

func newCheckup(check func(context.Context) error) *checkup {
	c := &checkup{check: check}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// result returns what the last check found, which is not older than fresh. It waits for a check
// no longer than ctx allows.
func (c *checkup) result(ctx context.Context) error {
	c.mu.Lock()
	if c.running == nil && !c.at.IsZero() && time.Since(c.at) < fresh {
		defer c.mu.Unlock()
		return c.err
	}
	if c.running == nil && c.ctx.Err() == nil {
		c.running = make(chan struct{})
		c.group.Go(c.run)
	}
	running := c.running
	c.mu.Unlock()
	select {
	case <-running:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
	return errNotChecked
}

func (c *checkup) run() {
	ctx, cancel := context.WithTimeout(c.ctx, roundTime)
	defer cancel()
	err := c.check(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.err = time.Now(), err
	close(c.running)
	c.running = nil
}

// close ends a check that runs; no other one is begun.
func (c *checkup) close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.group.Wait()
}
