package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep returns how long the machine has slept since it booted: that is the difference of
// CLOCK_BOOTTIME and CLOCK_MONOTONIC, see clock_gettime(2).
func asleep() time.Duration {
	var boot, monotonic unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - monotonic.Nano())
}
