package tally

import (
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// Events counts events of a few kinds. As in Zone, each writer has cells of its own. Its methods are
// safe for concurrent use.
type Events struct {
	cells []paddedEvents // by writer; a power of two
}

// maxKinds is how many kinds of events there may be.
const maxKinds = 8

type paddedEvents struct {
	_ cpu.CacheLinePad
	n [maxKinds]atomic.Uint64
	_ cpu.CacheLinePad
}

// NewEvents returns Events for writers, which have numbers from 0 to writers-1.
func NewEvents(writers int) *Events { return &Events{make([]paddedEvents, powerOfTwo(writers))} }

// Count counts one event. Kind is from 0 to 7. Any number of a writer is valid, but writers whose
// cells are the same slow each other.
func (e *Events) Count(writer, kind int) { e.cells[writer&(len(e.cells)-1)].n[kind].Add(1) }

// Total returns how many events of a kind all writers have counted.
func (e *Events) Total(kind int) (n uint64) {
	for i := range e.cells {
		n += e.cells[i].n[kind].Load()
	}
	return n
}
