package nodecache

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// pinned is the calling goroutine's thread, tied to one CPU after the other of those that the
// process may run on.
type pinned struct {
	before unix.CPUSet
	cpus   []int
	next   int
}

// pinThread has the calling goroutine keep its thread, until free is called.
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

func (p *pinned) free() {
	if len(p.cpus) > 0 {
		unix.SchedSetaffinity(0, &p.before)
	}
	runtime.UnlockOSThread()
}
