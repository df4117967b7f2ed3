package cache

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// class is one of the three kinds of thing that are kept apart.
type class uint8

const (
	success class = iota
	denial
	failure
	classes
)

// part is the entries of one class in one shard. When there are too many or they take too
// many bytes, those go that were not used for the longest time: not to the letter, see get.
// The shard's lock guards it.
type part struct {
	lru   *simplelru.LRU[uint64, *entry]
	limit Limits
	bytes int64
	moves uint64 // how often an entry was put before all others

	evictions uint64
}

// newPart returns an empty part.
func newPart(limit Limits) part {
	// The part keeps to the bounds itself, since the list knows nothing of bytes. The one error is
	// for a size below 1.
	lru, _ := simplelru.NewLRU[uint64, *entry](math.MaxInt, nil)
	return part{lru: lru, limit: limit}
}

// get returns the entry for key, or nil. Another key's with the same hash is none. An entry
// moves to the front of the list only if it may have left the front half: moving it changes
// its neighbours too, which costs more than all the rest of a lookup, and as long as nothing
// comes in there is no need to.
func (p *part) get(hash uint64, key []byte) *entry {
	e, ok := p.lru.Peek(hash)
	if !ok || !e.is(key) {
		return nil
	}
	if p.moves-e.moved >= uint64(p.lru.Len()/2) {
		p.lru.Get(hash)
		p.moved(e)
	}
	return e
}

// moved notes that e is before all others.
func (p *part) moved(e *entry) {
	p.moves++
	e.moved = p.moves
}

// put adds e in the place of what has its hash, and makes room for it.
func (p *part) put(hash uint64, e *entry) bool {
	weight := e.weight()
	if p.limit.Entries < 1 || weight > p.limit.Bytes {
		return false
	}
	p.remove(hash)
	p.shrink(p.limit.Entries-1, p.limit.Bytes-weight)
	p.lru.Add(hash, e)
	p.moved(e)
	p.bytes += weight
	return true
}

// remove takes out what has that hash.
func (p *part) remove(hash uint64) {
	if e, ok := p.lru.Peek(hash); ok {
		p.lru.Remove(hash)
		p.bytes -= e.weight()
	}
}

// shrink evicts until no more than that is left.
func (p *part) shrink(entries int, bytes int64) {
	for p.lru.Len() > entries || p.bytes > bytes {
		_, e, ok := p.lru.RemoveOldest()
		if !ok {
			return
		}
		p.bytes -= e.weight()
		p.evictions++
	}
}
