package selfcheck

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// pinned is the thread of the goroutine that made it. It moves from one CPU to the next of those
// that the process may run on.
type pinned struct {
	before unix.CPUSet
	cpus   []int
	next   int
}

// pinThread ties the calling goroutine to its thread until free is called.
func pinThread() *pinned {
	runtime.LockOSThread()
	p := new(pinned)
	if unix.SchedGetaffinity(0, &p.before) != nil {
		return p
	}
	for cpu := range len(p.before) * 64 {
		if p.before.IsSet(cpu) {
			p.cpus = append(p.cpus, cpu)
		}
	}
	return p
}

// toNext moves the thread to the next CPU. Where that is forbidden, it stays.
func (p *pinned) toNext() {
	if len(p.cpus) == 0 {
		return
	}
	var one unix.CPUSet
	one.Set(p.cpus[p.next%len(p.cpus)])
	p.next++
	unix.SchedSetaffinity(0, &one)
}

// free gives the thread back, with the CPUs that it had.
func (p *pinned) free() {
	if len(p.cpus) > 0 {
		unix.SchedSetaffinity(0, &p.before)
	}
	runtime.UnlockOSThread()
}
