package kubernetes

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/reply"
)

// The most that one query may cause, whatever aliases there are.
const (
	// longestChain is how many aliases may lead to an answer, wherever they stand: in the zone,
	// in another zone of this server or in a zone file, as other plugins count as well.
	longestChain = 8

	// mostLookups is how often the server may ask itself for one query: plugins such as
	// autopath and dns64 ask more than once for each alias.
	mostLookups = 64
)

// chain is the aliases that led to a query, the last one first. It never changes. It travels in
// the context when the server asks itself.
type chain struct {
	name    string // in lower case
	qtype   wire.Type
	before  *chain        // nil for the first
	lookups *atomic.Int32 // how many the client's query has caused
}

// chainKey is the context key of a *chain.
type chainKey struct{}

func chainOf(ctx context.Context) *chain {
	c, _ := ctx.Value(chainKey{}).(*chain)
	return c
}

// depth returns how many aliases were followed to get here.
func depth(ctx context.Context) int {
	n, _ := ctx.Value(dnsserver.LoopKey{}).(int)
	return n
}

// chained returns the context for the target of the alias at q. It fails if this alias led to
// itself, or if too many aliases led here.
func chained(ctx context.Context, q *reply.Question) (context.Context, *endless) {
	c := &chain{name: q.Lower, qtype: q.Type, before: chainOf(ctx)}
	for at := c.before; at != nil; at = at.before {
		c.lookups = at.lookups
		if at.name == c.name && at.qtype == c.qtype {
			return nil, c.circle()
		}
	}
	if c.lookups == nil {
		c.lookups = new(atomic.Int32)
	}
	n := depth(ctx)
	if n >= longestChain {
		return nil, c.tooLong()
	}
	ctx = context.WithValue(ctx, dnsserver.LoopKey{}, n+1)
	return context.WithValue(ctx, chainKey{}, c), nil
}

// String is the names, from the first to the last.
func (c *chain) String() string {
	if c.before == nil {
		return c.name
	}
	return c.before.String() + " -> " + c.name
}

// endless is why an alias is not followed.
type endless struct {
	key  string // the same for whatever query meets it
	line string // what to log
}

// circle says that the last name of c is among those before. Its key is the name of the circle
// that comes first in the alphabet, whichever name was asked for.
func (c *chain) circle() *endless {
	first, text := c.name, c.name
	for at := c.before; ; at = at.before {
		first, text = min(first, at.name), at.name+" -> "+text
		if at.name == c.name {
			return &endless{"circle " + first, "ExternalName Services lead in a circle: " + text}
		}
	}
}

func (c *chain) tooLong() *endless {
	return &endless{"long " + c.name, fmt.Sprintf("more than %d aliases in a row, which are not followed: %v", longestChain, c)}
}

// How many targets of aliases may be looked up at one time.
const (
	// mostAsked is for all targets together. Each target gets a quarter at most of what is free.
	mostAsked = 2000

	// ownAsked is what each target gets however slow many others are. As many lookups again as
	// mostAsked are kept for that. A server that answers in 5 ms is so asked 800 times a second.
	ownAsked = 4
)

// asked counts the targets of aliases that are being looked up. A circle that leads through
// another server brings no context back, and each turn of it waits for the next. It ends once
// it has taken its share.
type asked struct {
	mu    sync.Mutex
	total int
	of    map[string]int // by target
}

// begin counts one more lookup of target. It fails if the query that ctx belongs to has caused
// too many, or if target has its share. So there is room for others.
func (a *asked) begin(ctx context.Context, target string) *endless {
	if c := chainOf(ctx); c.lookups.Add(1) > mostLookups {
		return &endless{"lookups " + target, fmt.Sprintf("more than %d lookups for one query, the last for %s by way of %v", mostLookups, target, c)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.of[target]
	if n >= max(ownAsked, (mostAsked-a.total)/4) || a.total >= 2*mostAsked {
		return &endless{"asked " + target, fmt.Sprintf(
			"%d lookups of %s are under way, by way of %v, and no more may begin. Does another server send them back here?", n, target, chainOf(ctx))}
	}
	if a.of == nil {
		a.of = map[string]int{}
	}
	a.of[target]++
	a.total++
	return nil
}

// end must follow each begin that did not fail.
func (a *asked) end(target string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.of[target]--; a.of[target] == 0 {
		delete(a.of, target)
	}
}
