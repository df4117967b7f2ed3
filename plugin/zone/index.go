package zone

import (
	"hash/maphash"
	"sync/atomic"
)

// index is a hash table with one writer and any number of readers, which never lock and
// never wait. A reader sees each key as it was at some moment during its call.
//
// Atomic pointers link the nodes of a chain. A node's key and value never change: set puts a new
// node in the old one's place. A reader that stands on the old node goes on from there.
type index[K comparable, V any] struct {
	seed    maphash.Seed
	buckets atomic.Pointer[[]bucket[K, V]]
	count   int // the writer's own
}

// bucket is a link of a chain.
type bucket[K comparable, V any] struct{ atomic.Pointer[node[K, V]] }

type node[K comparable, V any] struct {
	hash  uint64 // of key; another key's is seldom the same, and its strings are somewhere else in memory
	key   K
	value V
	next  bucket[K, V]
}

func newIndex[K comparable, V any]() *index[K, V] {
	x := &index[K, V]{seed: maphash.MakeSeed()}
	b := make([]bucket[K, V], 8)
	x.buckets.Store(&b)
	return x
}

func (x *index[K, V]) hash(key K) uint64 { return maphash.Comparable(x.seed, key) }

func bucketOf[K comparable, V any](buckets []bucket[K, V], hash uint64) *bucket[K, V] {
	return &buckets[hash&uint64(len(buckets)-1)]
}

// get returns the value at key.
func (x *index[K, V]) get(key K) (value V, ok bool) {
	hash := x.hash(key)
	for n := bucketOf(*x.buckets.Load(), hash).Load(); n != nil; n = n.next.Load() {
		if n.hash == hash && n.key == key {
			return n.value, true
		}
	}
	return value, false
}

// link returns the pointer that leads to key's node, or the chain's last, nil one.
func (x *index[K, V]) link(key K, hash uint64) *bucket[K, V] {
	p := bucketOf(*x.buckets.Load(), hash)
	for n := p.Load(); n != nil && (n.hash != hash || n.key != key); n = p.Load() {
		p = &n.next
	}
	return p
}

// set puts value at key. Only the writer may call it.
func (x *index[K, V]) set(key K, value V) {
	fresh := &node[K, V]{hash: x.hash(key), key: key, value: value}
	p := x.link(key, fresh.hash)
	if old := p.Load(); old != nil {
		fresh.next.Store(old.next.Load())
		p.Store(fresh)
		return
	}
	p.Store(fresh)
	if x.count++; x.count > len(*x.buckets.Load()) {
		x.grow()
	}
}

// remove removes key. Only the writer may call it.
func (x *index[K, V]) remove(key K) {
	p := x.link(key, x.hash(key))
	if old := p.Load(); old != nil {
		p.Store(old.next.Load())
		x.count--
	}
}

// grow doubles the table. The new one has nodes of its own. Readers finish with the old one.
func (x *index[K, V]) grow() {
	buckets := make([]bucket[K, V], 2*len(*x.buckets.Load()))
	for key, value := range x.all {
		fresh := &node[K, V]{hash: x.hash(key), key: key, value: value}
		p := bucketOf(buckets, fresh.hash)
		fresh.next.Store(p.Load())
		p.Store(fresh)
	}
	x.buckets.Store(&buckets)
}

// all yields every entry, in no order.
func (x *index[K, V]) all(yield func(K, V) bool) {
	buckets := *x.buckets.Load()
	for i := range buckets {
		for n := buckets[i].Load(); n != nil; n = n.next.Load() {
			if !yield(n.key, n.value) {
				return
			}
		}
	}
}
