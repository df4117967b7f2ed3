package wire

import (
	"bytes"
	"slices"
)

// Run is where a set of addresses stands in a message: Count records of Size bytes each, one
// behind the other from Start on. Their order may change freely: their owners are the same
// bytes, so that no pointer to one goes astray, and their data holds no names.
type Run struct {
	Start, Size, Count int
}

// Len returns the length of the run in bytes.
func (r Run) Len() int { return r.Size * r.Count }

// AddressRun returns the first A or AAAA set of the answer section with more than one record,
// and a Run of Count 0 where there is none.
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
			first, run = r, Run{Start: r.Owner, Size: r.End - r.Owner, Count: 1}
		}
	}
	if run.Count < 2 {
		return Run{}
	}
	return run
}

func (r *Record) isAddress() bool {
	return r.Class == IN && (r.Type == A && r.End-r.Data == 4 || r.Type == AAAA && r.End-r.Data == 16)
}

// alike reports whether two records have the same owner, to the byte, type and class.
func (m Message) alike(a, b *Record) bool {
	return a.Type == b.Type && a.Class == b.Class && a.End-a.Data == b.End-b.Data &&
		bytes.Equal(m[a.Owner:a.Data-fixedLen], m[b.Owner:b.Data-fixedLen])
}

// Rotate moves the first n records of run, a Run of this very message, behind its others.
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
