package wire

import (
	"encoding/binary"
	"hash/maphash"
)

// MaxKey is the length of the longest key, in bytes.
const MaxKey = MaxName + 2 + 2 + 1

// Bits of a key's last byte.
const (
	keyDO = 1 << iota
	keyCD
)

// AppendKey appends the key of q's answer in a cache: the question as it stands in a message
// but in lower case, and a byte with DO and CD. Two queries have the same key if and only if
// one answer serves both.
func AppendKey(dst []byte, q *Query) []byte {
	dst = q.Name.AppendLower(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(q.Type))
	dst = binary.BigEndian.AppendUint16(dst, uint16(q.Class))
	var bits byte
	if q.DO {
		bits |= keyDO
	}
	if q.CD {
		bits |= keyCD
	}
	return append(dst, bits)
}

// Hash returns the hash of a key. Each process has a seed of its own, so that nobody can choose
// names that collide.
func Hash(seed maphash.Seed, key []byte) uint64 { return maphash.Bytes(seed, key) }
