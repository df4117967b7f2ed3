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

// AppendKey appends what tells q's answer from every other: the question as it stands in a
// message, its name in lower case, and a byte with DO and CD. Two queries have one key if
// and only if one answer serves both.
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

// Hash returns the hash of a key. With a seed of each process's own nobody can choose names
// that collide.
func Hash(seed maphash.Seed, key []byte) uint64 { return maphash.Bytes(seed, key) }
