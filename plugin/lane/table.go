package lane

import (
	"slices"
	"sync/atomic"

	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/plugin/reply"
)

// Block is a kubernetes block as the lane needs it. Its exported fields don't change once queries
// are answered from it.
type Block struct {
	Responder *reply.Responder
	UDPSize   int  // bytes, the most that a reply over UDP may have
	Rotate    bool // loadbalance stands in the block: sets of addresses begin anywhere
	NSID      bool // nsid stands in the block: queries that ask for it are passed on
	Cached    bool // cache stands in the block: its answers may be as old as their TTL

	off atomic.Bool
}

// TurnOff passes all queries for b on from now on. It reports whether b was on before.
func (b *Block) TurnOff() (was bool) { return !b.off.Swap(true) }

// Zone is a zone of some server block of a listener.
type Zone struct {
	Name  string      // fully qualified, in lower case, as CoreDNS normalizes it
	Block *Block      // nil: CoreDNS answers for it, whatever stands below
	Count *tally.Zone // counts what is answered in the zone; nil for no one
}

// Table says which block answers for which names at one listener. It never changes.
type Table struct {
	zones []Zone // the longest first
}

// NewTable returns a Table of all zones of a listener. A name belongs to the longest zone that it
// stands in, as in CoreDNS. A block that has a zone with odd characters in its name gets no queries.
func NewTable(zones []Zone) *Table {
	t := &Table{zones: slices.Clone(zones)}
	for i := range t.zones {
		if z := &t.zones[i]; z.Block != nil && !z.Block.plain() {
			z.Block = nil
		}
	}
	slices.SortStableFunc(t.zones, func(a, b Zone) int { return len(b.Name) - len(a.Name) })
	return t
}

// plain reports whether the names of all zones are such that text and bytes say the same.
func (b *Block) plain() bool {
	for _, z := range b.Responder.Zones {
		if z.Name != "." && !isPlain(z.Name) {
			return false
		}
	}
	return true
}

// find returns the zone of a name, which is fully qualified and in lower case, or nil.
func (t *Table) find(name string) *Zone {
	for i := range t.zones {
		if z := &t.zones[i]; reply.InZone(name, z.Name) {
			return z
		}
	}
	return nil
}
