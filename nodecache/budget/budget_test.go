package budget

import "testing"

// TestDivide adds up all bounds, for every limit. They leave at least a tenth to the collector, and
// none is so small that nothing works.
func TestDivide(t *testing.T) {
	const beside = 2 << 20
	for limit := int64(Least); limit < 16<<30; limit += limit / 7 {
		b := Divide(limit, beside)
		if n := sum(&b, beside); n > limit-(limit-atRest)/10 {
			t.Errorf("limit %d: the sum is %d: %+v", limit, n, b)
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

// TestNoLimit divides Default if there is no limit, and Least if the limit is below it.
func TestNoLimit(t *testing.T) {
	if got, want := Divide(0, 0), Divide(Default, 0); got != want {
		t.Errorf("%+v, expected %+v", got, want)
	}
	if got, want := Divide(1<<20, 0), Divide(Least, 0); got != want {
		t.Errorf("%+v, expected %+v", got, want)
	}
}

// sum returns what everything takes at its bound, in bytes, without what the collector needs.
func sum(b *Budget, beside int64) int64 {
	return atRest + beside + b.Cache + int64(b.Queries)*query + int64(b.Waiters)*waiter + int64(b.Conns)*conn +
		int64(b.Buffers+b.Unsent+b.Queues+b.Backlog)
}
