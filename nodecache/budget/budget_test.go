package budget

import (
	"testing"

	"github.com/neardns/neardns/internal/listen"
)

// TestDivide adds all bounds up, for every limit: they leave a tenth to the collector at least,
// and none is so small that nothing works.
func TestDivide(t *testing.T) {
	const beside = 2 << 20
	for limit := int64(Least); limit < 16<<30; limit += limit / 7 {
		b := Divide(limit, beside)
		if sum := b.Sum(); sum > limit-(limit-atRest)/10 {
			t.Errorf("limit %d: the sum is %d: %+v", limit, sum, b)
		}
		if b.Queries < 50 || b.Waiters < 200 || b.Conns < 100 || b.Cache < 2<<20 || b.Buffers < 128<<10 || b.Queues < 128<<10 {
			t.Errorf("limit %d: %+v", limit, b)
		}
		heap := atRestHeap + beside + b.Cache + int64(b.Queries)*queryHeap + int64(b.Waiters)*waiter + int64(b.Conns)*connHeap + int64(b.Buffers+b.Backlog)
		if got := b.Heap(limit); got > limit || heap > got*9/10 {
			t.Errorf("limit %d: the heap may have %d, and %d of it may be in use", limit, got, heap)
		}
	}
}

// TestNoLimit divides the default, and too little as the least.
func TestNoLimit(t *testing.T) {
	if got, want := Divide(0, 0), Divide(Default, 0); got != want {
		t.Errorf("%+v, expected %+v", got, want)
	}
	if got, want := Divide(1<<20, 0), Divide(Least, 0); got != want {
		t.Errorf("%+v, expected %+v", got, want)
	}
}

// TestStreamIn has the kernel's queue of a connection be what the budget counts.
func TestStreamIn(t *testing.T) {
	if conn < 4<<10+2*listen.StreamIn {
		t.Errorf("a connection is %d", conn)
	}
}
