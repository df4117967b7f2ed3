package wire

import (
	"bytes"
	"slices"
)

// Run says where a set of addresses stands in a message: Count records of Size bytes each, in a
// row from the offset Start on. They may change places freely: their owners are the same bytes,
// so every pointer to an owner stays right, and their data holds no names.
type Run struct {
	Start, Size, Count int
}

// Len returns the length of the run in bytes.
func (r Run) Len() int { return r.Size * r.Count }

// AddressRun returns the first A or AAAA set of the answer section that has more than one
// record. If there is none, Count is 0.
func (m Message) AddressRun() (run Run) {
	var first Record
	for w := Walk(m); w.Next() && w.Section == Answer; {
		r := w.Record
		if run.Count > 0 && m.alike(&first, &r) {
			run.Count++
			continue
		}
		if run.Count > 1 {
			return run
		}
		run = Run{}
		if r.isAddress() {
			first, run = r, Run{Start: r.owner, Size: r.End - r.owner, Count: 1}
		}
	}
	if run.Count < 2 {
		return Run{}
	}
	return run
}

// alike reports whether two records have the same type, class and length of data, and owners of
// the same bytes.
func (m Message) alike(a, b *Record) bool {
	return a.Type == b.Type && a.Class == b.Class && a.End-a.Data == b.End-b.Data &&
		bytes.Equal(m[a.owner:a.Data-fixedLen], m[b.owner:b.Data-fixedLen])
}

// Rotate moves the first n records of run behind the others. The Run must be one of this very
// message.
func (m Message) Rotate(run Run, n int) {
	if run.Count < 2 || run.Size <= 0 || run.Start < 0 || run.Start+run.Len() > len(m) {
		return
	}
	n = (n%run.Count + run.Count) % run.Count
	b := m[run.Start : run.Start+run.Len()]
	slices.Reverse(b[:n*run.Size])
	slices.Reverse(b[n*run.Size:])
	slices.Reverse(b)
}
