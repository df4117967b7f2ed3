package kubernetes

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
)

// The most that one query may bring about, whatever aliases there are.
const (
	// longestChain is how many aliases may lead to an answer, wherever they stand: in the zone,
	// in another zone of this server or, as other plugins count as well, in a zone file.
	longestChain = 8

	// mostLookups is how often the server may ask itself for one query: plugins such as
	// autopath and dns64 ask more than once for each alias.
	mostLookups = 64
)

// chain is the aliases that led to a query, the last one first. It never changes, and travels
// in the context when the server asks itself.
type chain struct {
	name    string // in lower case
	qtype   uint16
	before  *chain        // nil for the first
	lookups *atomic.Int32 // all that the client's query brought about
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

// follow returns the context for the target of the alias at q. It fails if this alias led to
// itself, or too many led here.
func follow(ctx context.Context, q *question) (context.Context, *endless) {
	c := &chain{name: q.name, qtype: q.qtype, before: chainOf(ctx)}
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

// circle is the trouble that the last name of c is among those before. Its key is the first
// name of the circle in the alphabet, whichever name was asked for.
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
