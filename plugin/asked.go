package kubernetes

import (
	"context"
	"fmt"
	"sync"
)

// mostAsked is how many targets of aliases may be looked up at one time.
const mostAsked = 2000

// asked counts the targets of aliases that are being looked up. A circle that leads through
// another server brings no context back, and each turn of it waits for the next: it ends
// when it has taken its share.
type asked struct {
	mu    sync.Mutex
	total int
	of    map[string]int // by target
}

// begin counts one more lookup of target. It fails if the query that ctx is of has brought
// about too many, or if target has a quarter of what is free, so that there is room for others.
func (a *asked) begin(ctx context.Context, target string) *endless {
	if c := chainOf(ctx); c.lookups.Add(1) > mostLookups {
		return &endless{"lookups " + target, fmt.Sprintf("more than %d lookups for one query, the last for %s by way of %v", mostLookups, target, c)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.of[target]
	if n >= (mostAsked-a.total)/4 {
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
