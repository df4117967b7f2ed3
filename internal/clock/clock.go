// Package clock tells how much time has passed, including the time that the machine slept, and what
// time of day it is, even after somebody has set it. It is for Linux only.
//
//	Now   CLOCK_MONOTONIC, which time.Now reads anyway   + how far CLOCK_BOOTTIME is ahead of it
//	Time  Now, counted from when the Clock was made      + how far the time of day was set
//
// A Clock computes both sums once a second, because reading those clocks takes a system call. So
// after a sleep or a correction it is behind for a second at most.
package clock

import (
	"context"
	"sync/atomic"
	"time"
)

// Clock is a clock. Any goroutine may call its methods. Now and Time allocate nothing.
type Clock struct {
	start  time.Time
	offset time.Duration // what asleep returned at start
	slept  atomic.Int64  // how long the machine has slept since, in ns; it only grows
	set    atomic.Int64  // how far the time of day was set since, in ns
}

const (
	lookEvery = time.Second
	shortest  = 100 * time.Millisecond // the shortest sleep; a smaller difference is the time between reading two clocks
)

// New returns a Clock that starts now. It follows sleeps and corrections while Run runs.
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

// look takes note of how long the machine has slept since it booted, and of the time of day.
func (c *Clock) look(asleep time.Duration) {
	if slept := asleep - c.offset; slept-time.Duration(c.slept.Load()) >= shortest {
		c.slept.Store(int64(slept))
	}
	now := time.Now()
	wall := now.Round(0).Sub(c.start.Round(0)) // Round(0) leaves the monotonic clock out
	c.set.Store(int64(wall - now.Sub(c.start) - time.Duration(c.slept.Load())))
}

// Now returns the time since c was made. It is above 0, and never goes back.
func (c *Clock) Now() time.Duration {
	return time.Since(c.start) + 1 + time.Duration(c.slept.Load())
}

// Time returns the time of day at which Now returned at, not long ago.
func (c *Clock) Time(at time.Duration) time.Time {
	return c.start.Add(at + time.Duration(c.set.Load()))
}
