package selfcheck

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Checkup tells whether this process answers queries. Anyone may ask, as often as they like: one
// check serves all who wait for it, and another one begins only when its result is no longer fresh.
// Its methods may be called from any goroutine.
type Checkup struct {
	check  func(context.Context) error
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	running chan struct{} // closed when the check that runs is over; nil while none runs
	at      time.Time     // when the last check was over
	err     error         // what it found
}

// fresh is how old the last result may be.
const fresh = time.Second

var errNotChecked = errors.New("the self-check goes on and has no result yet")

// NewCheckup returns a Checkup. Close it after use. check may take Time.
func NewCheckup(check func(context.Context) error) *Checkup {
	c := &Checkup{check: check}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Result returns what the last check found. That is a second old at most. Result waits for a check
// that runs, but no longer than ctx allows.
func (c *Checkup) Result(ctx context.Context) error {
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

func (c *Checkup) run() {
	ctx, cancel := context.WithTimeout(c.ctx, Time)
	defer cancel()
	err := c.check(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.err = time.Now(), err
	close(c.running)
	c.running = nil
}

// Close ends the check that runs, and waits for it. No other one begins.
func (c *Checkup) Close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.group.Wait()
}
