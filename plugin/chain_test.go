package kubernetes

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// leading is the context of a lookup for the target of an alias.
func leading() context.Context {
	return context.WithValue(context.Background(), chainKey{}, &chain{name: "a.ns.svc.cluster.local.", lookups: new(atomic.Int32)})
}

// TestAsked begins lookups that don't end, as in a circle through another server: their number
// is bounded, and one target leaves room for others.
func TestAsked(t *testing.T) {
	var a asked
	fill := func(target string) (n int) {
		for a.begin(leading(), target) == nil {
			n++
		}
		return n
	}
	if n := fill("loop.example."); n != mostAsked/5 {
		t.Errorf("%d lookups of one target at a time, want %d", n, mostAsked/5)
	}
	if n := fill("other.example."); n < mostAsked/10 {
		t.Errorf("only %d for the next one", n)
	}
	// Whoever may create some Services must not have the targets of others' fail.
	for i := range 100 {
		fill(fmt.Sprint(i, ".slow.example."))
	}
	if n := fill("fine.example."); n != ownAsked {
		t.Errorf("%d for one among a hundred that are slow, want %d", n, ownAsked)
	}
	for i := range 3 * mostAsked {
		fill(fmt.Sprint(i, ".example."))
	}
	if a.total > 2*mostAsked || len(a.of) > 2*mostAsked {
		t.Errorf("%d lookups of %d targets at a time, at most %d are to be", a.total, len(a.of), 2*mostAsked)
	}
	for target, n := range a.of {
		for range n {
			a.end(target)
		}
	}
	if a.total != 0 || len(a.of) != 0 {
		t.Errorf("at the end: %d lookups of %d targets", a.total, len(a.of))
	}
	ctx := leading()
	for i := range mostLookups {
		if err := a.begin(ctx, "x.example."); err != nil {
			t.Fatalf("lookup %d of a query: %v", i, err)
		}
		a.end("x.example.")
	}
	if a.begin(ctx, "x.example.") == nil {
		t.Errorf("more than %d lookups for one query", mostLookups)
	}
}

// TestOnce reports what never ends: each thing is logged one time, and no more than mostSaid
// in an hour.
func TestOnce(t *testing.T) {
	var o once
	now := time.Now()
	if !o.first("a", now) || o.first("a", now) {
		t.Error("logged not at first, or again")
	}
	said := 1
	for i := range 10 * mostSaid {
		if o.first(fmt.Sprint(i), now) {
			said++
		}
	}
	if said != mostSaid || len(o.said) != mostSaid {
		t.Errorf("%d logged, %d kept, at most %d are to be", said, len(o.said), mostSaid)
	}
	if !o.first("late", now.Add(time.Hour)) || len(o.said) != 1 {
		t.Error("nothing is logged after an hour")
	}
}
