package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestSleep makes the machine sleep for an hour. Now moves on by an hour.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		began := time.Now()
		time.Sleep(time.Minute) // on the virtual clock
		c.look(c.offset + time.Hour)
		if got := c.Now(); got != time.Hour+time.Minute+1 {
			t.Errorf("%v", got)
		}
		c.look(c.offset + 30*time.Minute) // no clock goes back
		if got := c.Now(); got != time.Hour+time.Minute+1 {
			t.Errorf("after a worse reading: %v", got)
		}
		c.look(c.offset + time.Hour + shortest/2)
		if got := c.Now(); got != time.Hour+time.Minute+1 {
			t.Errorf("after a reading that took long: %v", got)
		}
		// The time of day stands still here, as if it had been set back by the hour.
		if got := c.Time(c.Now()); got.Sub(began).Round(time.Second) != time.Minute {
			t.Errorf("%v, expected a minute after %v", got, began)
		}
	})
}

// TestReal reads the kernel's clocks. Without a sleep a Clock runs like time.Now.
func TestReal(t *testing.T) {
	c := New()
	before := c.Now()
	c.look(asleep())
	since := time.Since(c.start)
	if ahead := c.Now() - since; ahead < 0 || ahead > 30*time.Second {
		t.Errorf("Now is %v ahead", ahead)
	}
	if off := time.Since(c.Time(c.Now()).Round(0)); off < -time.Second || off > 30*time.Second {
		t.Errorf("Time is %v behind", off)
	}
	if after := c.Now(); before <= 0 || after < before {
		t.Errorf("%v, then %v", before, after)
	}
}

// TestAllocations shows that reading a Clock allocates nothing.
func TestAllocations(t *testing.T) {
	c := New()
	if n := testing.AllocsPerRun(100, func() { c.Time(c.Now()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
