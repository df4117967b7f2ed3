package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep returns how long the machine has slept since it booted: CLOCK_BOOTTIME less
// CLOCK_MONOTONIC, clock_gettime(2). It has a file of its own so that a test can replace it.
func asleep() time.Duration {
	var boot, monotonic unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - monotonic.Nano())
}
