package resolve

import (
	"context"
	"slices"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/cache"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Forward is the servers that a block forwards some names to.
type Forward struct {
	From     wire.Name    // the names below this
	Except   []wire.Name  // but not those below these
	Next     []wire.Rcode // answers with these codes hand the query on to the next Forward
	Upstream Exchanger
	Servers  *cache.Servers // failures are blamed on it; the owner of Upstream reports that they work again
	Options  []byte         // EDNS options of the queries

	NextOnNodata bool // NODATA hands the query on, too
}

// Exchanger asks servers; see upstream.Forward.
type Exchanger interface {
	Exchange(ctx context.Context, dst []byte, q *wire.Query, options []byte, scope upstream.Scope) ([]byte, error)
	Out() bool
	Names() []byte // the addresses of the servers, for people; the caller must not change them
}

// serves reports whether f is asked for name.
func (f *Forward) serves(name wire.Name) bool {
	return name.Below(f.From) && !belowAny(name, f.Except)
}

// handsOn reports whether an answer hands the query on to the next Forward.
func (f *Forward) handsOn(answer wire.Message) bool {
	if !f.mayHandOn() {
		return false
	}
	rcode := answer.Rcode()
	return slices.Contains(f.Next, rcode) || f.NextOnNodata && rcode == wire.NoError && answer.Answers() == 0
}

// mayHandOn reports whether there is any answer that hands a query on.
func (f *Forward) mayHandOn() bool { return len(f.Next) > 0 || f.NextOnNodata }

// handsOnLike reports whether f hands on what other does.
func (f *Forward) handsOnLike(other *Forward) bool {
	return slices.Equal(f.Next, other.Next) && f.NextOnNodata == other.NextOnNodata
}

func belowAny(name wire.Name, zones []wire.Name) bool {
	return slices.ContainsFunc(zones, func(z wire.Name) bool { return name.Below(z) })
}
