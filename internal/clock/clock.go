// Package clock tells how much time has passed, also while the machine slept, and what time of day
// it is, also after that was set.
//
//	Now   CLOCK_MONOTONIC, which time.Now reads for nothing   + what CLOCK_BOOTTIME is ahead of it
//	Time  Now, from when the Clock was made                   + by how much the time of day was set
//
// Both sums are made anew each second: reading those clocks takes a system call. So after a sleep,
// or a correction, a Clock is late for a second at most.
package clock

import (
	"context"
	"sync/atomic"
	"time"
)

// Clock is a clock. Its methods may be called from any goroutine, and Now and Time allocate
// nothing.
type Clock struct {
	start  time.Time
	offset time.Duration // asleep when it was made
	slept  atomic.Int64  // since, ns; it only grows
	set    atomic.Int64  // by how much the time of day was set since, ns
}

const (
	lookEvery = time.Second
	shortest  = 100 * time.Millisecond // a sleep; less is how long it takes to read two clocks
)

// New returns a Clock that begins now. It follows sleeps and corrections while Run runs.
func New() *Clock { return &Clock{start: time.Now(), offset: asleep()} }

// Run follows sleeps and corrections until ctx ends.
func (c *Clock) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.look(asleep())
		}
	}
}

// look takes in how long the machine has slept since it booted, and what time it is.
func (c *Clock) look(asleep time.Duration) {
	if slept := asleep - c.offset; slept-time.Duration(c.slept.Load()) >= shortest {
		c.slept.Store(int64(slept))
	}
	now := time.Now()
	wall := now.Round(0).Sub(c.start.Round(0)) // Round(0) leaves the monotonic clock out
	c.set.Store(int64(wall - now.Sub(c.start) - time.Duration(c.slept.Load())))
}

// Now returns the time since c was made, above 0. It never goes back.
func (c *Clock) Now() time.Duration {
	return time.Since(c.start) + 1 + time.Duration(c.slept.Load())
}

// Time returns what time of day it was when Now returned at, not long ago.
func (c *Clock) Time(at time.Duration) time.Time {
	return c.start.Add(at + time.Duration(c.set.Load()))
}
