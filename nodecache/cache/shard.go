package cache

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// class is one of the three kinds of entries, which are kept apart.
type class uint8

const (
	success class = iota
	denial
	failure
	classes
)

// shard is a part of the cache with a lock of its own.
type shard struct {
	mu    sync.Mutex
	parts [classes]part
}

// newShard returns an empty shard.
func newShard(limits [classes]Limits) *shard {
	s := new(shard)
	for c, limit := range limits {
		s.parts[c] = newPart(limit)
	}
	return s
}

// fresh returns the entry that answers key now, and its class: a success before a denial before a
// failure. An expired answer counts as a failure as long as upstream is not asked for it again.
// If there is no entry, the class is classes.
func (s *shard) fresh(hash uint64, key []byte, p *Policy, now time.Duration) (*entry, class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var off *entry
	for c := success; c < classes; c++ {
		e := s.parts[c].get(hash, key)
		if e != nil && off == nil && e.isOff(now, p) {
			off = e
		}
		switch {
		case e == nil:
		case e.fresh(now):
			return e, c
		case c == success && p.PreferPositive && e.stale(now, p.Stale):
			c = denial // skip the denial
		}
	}
	if off != nil {
		return off, failure
	}
	return nil, classes
}

// expired returns the success or denial that may be used although it has expired. If that has
// become fresh again, it returns it too. It returns nil if there is none.
func (s *shard) expired(hash uint64, key []byte, p *Policy, now time.Duration) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := success; c <= denial; c++ {
		if e := s.parts[c].get(hash, key); e != nil && e.stale(now, p.Stale) {
			return e
		}
	}
	return nil
}

// get returns the entry of a class for key, or nil.
func (s *shard) get(c class, hash uint64, key []byte) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[c].get(hash, key)
}

// put adds an entry and removes what it refutes. A success or denial refutes a failure, and each
// refutes the other, except that with PreferPositive a denial leaves a success. put reports
// whether there was room. For a failure p may be nil.
func (s *shard) put(c class, hash uint64, e *entry, p *Policy) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.parts[c].lru.Peek(hash); ok {
		e.inherit(old)
	}
	if c != failure {
		s.parts[failure].remove(hash)
	}
	switch {
	case c == success:
		s.parts[denial].remove(hash)
	case c == denial && !p.PreferPositive:
		s.parts[success].remove(hash)
	}
	return s.parts[c].put(hash, e)
}

// remove removes the entries of all classes that have that hash.
func (s *shard) remove(hash uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.parts {
		s.parts[c].remove(hash)
	}
}

// each replaces every entry by what f makes of it; nil removes it. The order by use stays.
func (s *shard) each(f func(class, *entry) *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.parts {
		p := &s.parts[c]
		for _, hash := range p.lru.Keys() { // the least recently used first, so that putting them again keeps the order
			e, _ := p.lru.Peek(hash)
			p.remove(hash)
			if e = f(class(c), e); e != nil {
				p.put(hash, e)
			}
		}
	}
}

// setLimits sets new limits and evicts what exceeds them.
func (s *shard) setLimits(limits [classes]Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, limit := range limits {
		p := &s.parts[c]
		p.limit = limit
		p.shrink(limit.Entries, limit.Bytes)
	}
}

// addTo adds the shard's figures to st.
func (s *shard) addTo(st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, counts := range [classes]*Counts{&st.Success, &st.Denial, &st.Failure} {
		p := &s.parts[c]
		counts.Entries += p.lru.Len()
		counts.Evictions += p.evictions
	}
}

// part is the entries of one class in one shard. When they are too many or take too many bytes,
// it evicts those that were not used for the longest time, though only roughly; see get. The
// shard's lock guards it.
type part struct {
	lru   *simplelru.LRU[uint64, *entry]
	limit Limits
	bytes int64
	moves uint64 // how often an entry was put in front of all others

	evictions uint64
}

// newPart returns an empty part.
func newPart(limit Limits) part {
	// The part keeps to the bounds itself, since the list knows nothing of bytes. The only error
	// would be for a size below 1.
	lru, _ := simplelru.NewLRU[uint64, *entry](math.MaxInt, nil)
	return part{lru: lru, limit: limit}
}

// get returns the entry for key, or nil if there is none, or one of another key with the same
// hash. It moves an entry to the front of the list only if the entry may have left the front half.
// Moving it also changes its neighbours, which costs more than all the rest of a lookup, and as
// long as no new entries come in, nothing needs to move.
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

// moved notes that e is now in front of all others.
func (p *part) moved(e *entry) {
	p.moves++
	e.moved = p.moves
}

// put makes room for e and adds it, in place of an entry with the same hash. It reports false if
// e alone exceeds the limits.
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

// remove removes the entry with that hash, if there is one.
func (p *part) remove(hash uint64) {
	if e, ok := p.lru.Peek(hash); ok {
		p.lru.Remove(hash)
		p.bytes -= e.weight()
	}
}

// shrink evicts entries until no more than so many entries and bytes are left.
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
