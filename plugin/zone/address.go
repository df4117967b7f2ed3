package zone

import (
	"bytes"
	"net/netip"
	"slices"
	"sync/atomic"
)

// holder says that a Service holds an address, as its cluster IP or at its endpoints.
type holder struct {
	addr   [16]byte
	entry  *entry
	slices int32  // how many of the Service's slices list the address
	vip    bool   // the address is a cluster IP
	place  uint16 // of the address in one of the slices when it was new; it may have moved since
}

// compare orders holders by address, then a cluster IP before endpoints, then by Service. A holder
// without a Service comes before all others.
func (h holder) compare(o holder) int {
	if c := bytes.Compare(h.addr[:], o.addr[:]); c != 0 {
		return c
	}
	switch {
	case h.vip != o.vip && h.vip:
		return -1
	case h.vip != o.vip:
		return 1
	case h.entry == o.entry:
		return 0
	case h.entry == nil:
		return -1
	case o.entry == nil:
		return 1
	}
	return h.entry.key.compare(o.entry.key)
}

func (h holder) less(o holder) bool { return h.compare(o) < 0 }

// addresses leads from an address to the Services that hold it. It is ordered, so that it also
// shows whether there is any address below a reverse name.
//
// It is a sorted list in chunks. Readers see the published list. The writer copies the parts of
// it that it changes, which are the list of chunks and a chunk or two. It changes its own chunks
// in place. Published chunks have no spare room: there may be hundreds of thousands of holders.
type addresses struct {
	published atomic.Pointer[[]*chunk]

	chunks []*chunk // the writer's list
	owned  bool     // chunks is not the published list
	fresh  []*chunk // the chunks that are not published
	turn   uint64   // counts publications
}

// chunk is a part of the list: neither empty nor longer than chunkSize.
type chunk struct {
	holders []holder
	turn    uint64 // the turn in which it was made, and may be changed
	first   number // the first holder's address, once it is published
}

// chunkSize is the length at which a chunk is split. A chunk then takes 4 kB, so that a change
// copies little, and the list of chunks for 100,000 addresses takes some 10 kB.
const chunkSize = 128

func newAddresses() *addresses {
	a := &addresses{}
	a.publish()
	return a
}

// publish shows readers what the writer changed.
func (a *addresses) publish() {
	for _, c := range a.fresh {
		c.holders = slices.Clip(slices.Clone(c.holders))
		if len(c.holders) > 0 { // else the chunk is in the list no more
			c.first = numberOf(&c.holders[0].addr)
		}
	}
	list := a.chunks
	a.published.Store(&list)
	a.owned, a.fresh = false, nil
	a.turn++
}

// search returns the chunk and the place where h stands, or where it belongs.
func search(chunks []*chunk, h holder) (c, i int, found bool) {
	c, _ = slices.BinarySearchFunc(chunks, h, func(c *chunk, h holder) int {
		if h.less(c.holders[0]) {
			return 1
		}
		return -1
	})
	if c--; c < 0 {
		return 0, 0, false
	}
	i, found = slices.BinarySearchFunc(chunks[c].holders, h, holder.compare)
	return c, i, found
}

// first returns the chunk and the place behind all holders of lower addresses. It is search for readers:
// reverse names are asked for all the time, and little of the list is in the processor's cache.
func first(chunks []*chunk, addr *[16]byte) (c, i int) {
	n := numberOf(addr)
	for high := len(chunks); c < high; {
		if m := (c + high) / 2; chunks[m].first.less(n) {
			c = m + 1
		} else {
			high = m
		}
	}
	if c == 0 {
		return 0, 0
	}
	holders, behind := chunks[c-1].holders, number{high: ^uint64(0)}
	if c < len(chunks) {
		behind = chunks[c].first
	}
	guess := n.guess(chunks[c-1].first, behind, len(holders))
	return c - 1, place(len(holders), guess, func(i int) bool { return numberOf(&holders[i].addr).less(n) })
}

// get returns the holder that equals h except for its count.
func (a *addresses) get(h holder) (holder, bool) {
	c, i, found := search(a.chunks, h)
	if !found {
		return h, false
	}
	return a.chunks[c].holders[i], true
}

// own returns a chunk that the writer may change.
func (a *addresses) own(c int) *chunk {
	a.ownList()
	if a.chunks[c].turn != a.turn {
		a.chunks[c] = a.newChunk(a.chunks[c].holders)
	}
	return a.chunks[c]
}

func (a *addresses) ownList() {
	if !a.owned {
		a.chunks, a.owned = slices.Clone(a.chunks), true
	}
}

// newChunk returns a chunk with a copy of holders.
func (a *addresses) newChunk(holders []holder) *chunk {
	c := &chunk{holders: slices.Clone(holders), turn: a.turn}
	a.fresh = append(a.fresh, c)
	return c
}

// set adds h. It replaces a holder that is equal except for its count.
func (a *addresses) set(h holder) {
	c, i, found := search(a.chunks, h)
	if len(a.chunks) == 0 {
		a.ownList()
		a.chunks = append(a.chunks, a.newChunk([]holder{h}))
		return
	}
	own := a.own(c)
	if found {
		own.holders[i] = h
		return
	}
	own.holders = slices.Insert(own.holders, i, h)
	if half := len(own.holders) / 2; len(own.holders) > chunkSize {
		a.chunks = slices.Insert(a.chunks, c+1, a.newChunk(own.holders[half:]))
		own.holders = own.holders[:half]
	}
}

// remove removes the holder that equals h except for its count.
func (a *addresses) remove(h holder) {
	c, i, found := search(a.chunks, h)
	if !found {
		return
	}
	own := a.own(c)
	if own.holders = slices.Delete(own.holders, i, i+1); len(own.holders) == 0 {
		a.chunks = slices.Delete(a.chunks, c, c+1)
	}
}

// setVIP records that e has the cluster IP addr.
func (a *addresses) setVIP(addr netip.Addr, e *entry) {
	a.set(holder{addr: addr.As16(), entry: e, vip: true})
}

// removeVIP undoes setVIP.
func (a *addresses) removeVIP(addr netip.Addr, e *entry) {
	a.remove(holder{addr: addr.As16(), entry: e, vip: true})
}

// acquire records that one more slice of e lists addr, at the place given, and returns how many now do.
func (a *addresses) acquire(addr netip.Addr, e *entry, place int) int32 {
	h, _ := a.get(holder{addr: addr.As16(), entry: e, place: uint16(place)})
	h.slices++
	a.set(h)
	return h.slices
}

// release undoes one acquire, and returns how many slices still list addr.
func (a *addresses) release(addr netip.Addr, e *entry) int32 {
	h, ok := a.get(holder{addr: addr.As16(), entry: e})
	if !ok {
		return 0
	}
	if h.slices--; h.slices == 0 {
		a.remove(h)
	} else {
		a.set(h)
	}
	return h.slices
}

// from yields, in ascending order, the published holders at addr and after it.
func (a *addresses) from(addr [16]byte, yield func(holder) bool) {
	chunks := *a.published.Load()
	c, i := first(chunks, &addr)
	for ; c < len(chunks); c, i = c+1, 0 {
		for _, h := range chunks[c].holders[i:] {
			if !yield(h) {
				return
			}
		}
	}
}
