package proof

import "sync/atomic"

// bitmap remembers hashes, each as one bit. Two hashes may share a bit: with 300,000 names and
// types, which is a cluster of 100,000 endpoints, one in 28 is taken for one that was seen before.
//
// It forgets all of them when it has taken so many that one in eight would be. So it stays of use
// after many reloads, each of which has all names compared again, and after a flood of names that
// nobody has.
type bitmap struct {
	words [1 << 18]atomic.Uint32 // 1 MiB
	added atomic.Int64
}

// mostAdded is an eighth of the bits.
const mostAdded = 1 << 18 * 32 / 8

func (b *bitmap) at(hash uint64) (word *atomic.Uint32, bit uint32) {
	return &b.words[hash>>5%uint64(len(b.words))], 1 << (hash % 32)
}

func (b *bitmap) has(hash uint64) bool {
	word, bit := b.at(hash)
	return word.Load()&bit != 0
}

func (b *bitmap) add(hash uint64) {
	word, bit := b.at(hash)
	if word.Or(bit)&bit == 0 && b.added.Add(1) == mostAdded {
		for i := range b.words {
			b.words[i].Store(0)
		}
		b.added.Store(0)
	}
}
