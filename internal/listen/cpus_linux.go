package listen

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// onlineCPUs returns the numbers of all CPUs that packets may arrive on, also those that
// this process may not run on.
func onlineCPUs() []int {
	list, err := os.ReadFile("/sys/devices/system/cpu/online")
	if cpus := parseCPUs(strings.TrimSpace(string(list))); err == nil && len(cpus) > 0 {
		return cpus
	}
	cpus := make([]int, runtime.NumCPU())
	for i := range cpus {
		cpus[i] = i
	}
	return cpus
}

// parseCPUs reads the kernel's list format, such as 0-3,5 (cpuset(7)).
func parseCPUs(list string) (cpus []int) {
	for field := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(field, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil {
			return nil
		}
		for n := first; n <= last; n++ {
			cpus = append(cpus, n)
		}
	}
	return cpus
}
