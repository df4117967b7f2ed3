package proof

import "sync/atomic"

// bitmap remembers hashes, each as one bit. Two hashes may share a bit: with 300,000 names and
// types, which is a cluster of 100,000 endpoints, one in 28 is taken for one that was seen before.
type bitmap [1 << 18]atomic.Uint32 // 1 MiB

func (b *bitmap) at(hash uint64) (word *atomic.Uint32, bit uint32) {
	return &b[hash>>5%uint64(len(b))], 1 << (hash % 32)
}

func (b *bitmap) has(hash uint64) bool {
	word, bit := b.at(hash)
	return word.Load()&bit != 0
}

func (b *bitmap) add(hash uint64) {
	word, bit := b.at(hash)
	word.Or(bit)
}
