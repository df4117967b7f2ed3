package cache

import (
	"sync"
	"time"
)

// shard is a share of the cache with a lock of its own.
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

// fresh returns what answers key now, and its class: a success before a denial before a
// failure. What has expired and is not asked for again yet counts as a failure.
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
			c = denial // which has no say
		}
	}
	if off != nil {
		return off, failure
	}
	return nil, classes
}

// expired returns the success or denial that may be used though it has expired, or is fresh
// by now.
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

// get returns the entry of a class for key, or nil, and counts nothing.
func (s *shard) get(c class, hash uint64, key []byte) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts[c].get(hash, key)
}

// put adds an answer and takes out what it refutes: a failure always, a denial or success
// too. It reports whether there was room.
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

// remove takes out whatever is known under that hash.
func (s *shard) remove(hash uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.parts {
		s.parts[c].remove(hash)
	}
}

// setLimits evicts what is above the new limits.
func (s *shard) setLimits(limits [classes]Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, limit := range limits {
		p := &s.parts[c]
		p.limit = limit
		p.shrink(limit.Entries, limit.Bytes)
	}
}
