package kubernetes

import (
	"context"
	"fmt"
	"sync"
)

// How many targets of aliases may be looked up at one time.
const (
	// mostAsked is for all targets together, each with a quarter of what is free at most.
	mostAsked = 2000

	// ownAsked is for each target, however slow many others are: for that there are as many
	// again. A server that answers in 5 ms is asked 800 times a second so.
	ownAsked = 4
)

// asked counts the targets of aliases that are being looked up. A circle that leads through
// another server brings no context back, and each turn of it waits for the next: it ends
// when it has taken its share.
type asked struct {
	mu    sync.Mutex
	total int
	of    map[string]int // by target
}

// begin counts one more lookup of target. It fails if the query that ctx is of has brought
// about too many, or if target has its share, so that there is room for others.
func (a *asked) begin(ctx context.Context, target string) *endless {
	if c := chainOf(ctx); c.lookups.Add(1) > mostLookups {
		return &endless{"lookups " + target, fmt.Sprintf("more than %d lookups for one query, the last for %s by way of %v", mostLookups, target, c)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.of[target]
	if n >= max(ownAsked, (mostAsked-a.total)/4) || a.total >= 2*mostAsked {
		return &endless{"asked " + target, fmt.Sprintf(
			"%d lookups of %s are under way, by way of %v: no more are begun. Does another server send them back here?", n, target, chainOf(ctx))}
	}
	if a.of == nil {
		a.of = map[string]int{}
	}
	a.of[target]++
	a.total++
	return nil
}

// end is to follow a begin that did not fail.
func (a *asked) end(target string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.of[target]--; a.of[target] == 0 {
		delete(a.of, target)
	}
}
