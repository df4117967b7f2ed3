package resolve

import (
	"context"
	"sync"
	"sync/atomic"
)

// crew is the goroutines that run flights. One that has landed waits for the next flight: a
// new goroutine would grow its stack again, which costs a tenth of a miss.
type crew struct {
	group   sync.WaitGroup
	next    chan *flight // without room: whoever takes a flight runs it
	waiting atomic.Int32
}

// maxWaiting is how many goroutines wait for a flight, with some 8 kB of stack each.
const maxWaiting = 64

func (c *crew) init() { c.next = make(chan *flight) }

// run has f run. It does not wait.
func (c *crew) run(ctx context.Context, f *flight) {
	select {
	case c.next <- f:
	default:
		c.group.Go(func() { c.fly(ctx, f) })
	}
}

// fly runs f, and others as they come, until ctx ends or enough wait without it.
func (c *crew) fly(ctx context.Context, f *flight) {
	for f != nil {
		f.run()
		f = c.wait(ctx)
	}
}

// wait returns the next flight, or nil if there is nothing to wait for.
func (c *crew) wait(ctx context.Context) *flight {
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > maxWaiting {
		return nil
	}
	select {
	case f := <-c.next:
		return f
	case <-ctx.Done():
		return nil
	}
}
