package wire

import "encoding/binary"

// A name in a message may end in a pointer to an earlier name (RFC 1035, section 4.1.4). We
// accept a pointer only if it leads to a place before the run of labels that it ends. So no
// chain of pointers runs in a circle. Its length is limited too: a name needs no more pointers
// than labels.
const (
	pointerBits = 0xC0 // where a label's length would stand
	maxPointers = MaxName / 2
)

// skipName returns the offset behind the name at off. It checks the labels, and where a pointer
// at their end leads, but does not follow the pointer.
func skipName(msg []byte, off int) (next int, ok bool) {
	for at := off; at >= 0 && at < len(msg) && at-off < MaxName; {
		length := int(msg[at])
		switch {
		case length == 0:
			return at + 1, true
		case length <= maxLabel:
			at += 1 + length
		default:
			_, ok = pointer(msg, at, off)
			return at + 2, ok
		}
	}
	return 0, false
}

// pointer reads the pointer at off. The target must lie before limit.
func pointer(msg []byte, off, limit int) (target int, ok bool) {
	if off+2 > len(msg) || msg[off]&pointerBits != pointerBits {
		return 0, false
	}
	target = int(binary.BigEndian.Uint16(msg[off:]) &^ (pointerBits << 8))
	return target, target >= HeaderLen && target < limit
}

// AppendName appends the name at off of msg in uncompressed form, and returns the offset behind
// it in msg. If there is no good name, it returns dst unchanged.
func AppendName(dst, msg []byte, off int) (name []byte, next int, ok bool) {
	start, limit := len(dst), off
	next, ok = skipName(msg, off)
	if !ok {
		return dst, 0, false
	}
	for pointers := 0; off < len(msg); {
		length := int(msg[off])
		if length > maxLabel {
			if off, ok = pointer(msg, off, limit); !ok || pointers == maxPointers {
				break
			}
			limit, pointers = off, pointers+1
			continue
		}
		if off+1+length > len(msg) || len(dst)-start+1+length > MaxName {
			break
		}
		dst = append(dst, msg[off:off+1+length]...)
		if length == 0 {
			return dst, next, true
		}
		off += 1 + length
	}
	return dst[:start], 0, false
}

// equalAt reports whether the name at off, compressed or not, equals n but for case.
func equalAt(msg []byte, off int, n Name) bool {
	limit := off
	for pointers := 0; off < len(msg) && len(n) > 0; {
		length := int(msg[off])
		if length > maxLabel {
			target, ok := pointer(msg, off, limit)
			if !ok || pointers == maxPointers {
				return false
			}
			off, limit, pointers = target, target, pointers+1
			continue
		}
		end := off + 1 + length
		if end > len(msg) || 1+length > len(n) || !equalFold(msg[off:end], n[:1+length]) {
			return false
		}
		if length == 0 {
			return len(n) == 1
		}
		off, n = end, n[1+length:]
	}
	return false
}

// table remembers where names begin in the message that a packer writes, so that later names
// can point there (RFC 1035, section 4.1.4). It is a hash table of offsets, 0 for none. Its size
// is fixed: if a place and those behind it are taken, the name is not remembered.
type table [256]uint16

// Limits of a table.
const (
	farthest = 0x3FFF // the last offset that a pointer can name
	steps    = 8      // neighbours that are looked at
)

// append writes n and remembers its labels. If n may be compressed, a pointer takes the place of
// the part that is known already. The message begins at dst[start].
func (t *table) append(dst []byte, start int, n Name, compress bool) []byte {
	var buf [MaxName / 2]uint8
	starts, hash, at := n.starts(buf[:0]), uint32(0), uint16(0)
	for len(starts) > 0 { // a name is known only if its parent is
		label := starts[len(starts)-1]
		h := foldHash(hash, n[label:])
		found := t.find(dst[start:], h, n[label:])
		if found == 0 {
			break
		}
		hash, at, starts = h, found, starts[:len(starts)-1]
	}
	begin := len(dst) - start
	for i := len(starts) - 1; i >= 0; i-- {
		hash = foldHash(hash, n[starts[i]:])
		t.add(hash, begin+int(starts[i]))
	}
	if at == 0 || !compress {
		return append(dst, n...)
	}
	known := len(n.after(starts))
	dst = append(dst, n[:len(n)-known]...)
	return append(dst, pointerBits|byte(at>>8), byte(at))
}

// after returns the part of n behind the labels that begin at starts.
func (n Name) after(starts []uint8) Name {
	if len(starts) == 0 {
		return n
	}
	return n[starts[len(starts)-1]:].Parent()
}

// starts appends the offsets at which n's labels begin.
func (n Name) starts(dst []uint8) []uint8 {
	for off := 0; off < len(n) && n[off] != 0; off += 1 + int(n[off]) {
		dst = append(dst, uint8(off))
	}
	return dst
}

// learn remembers the uncompressed name at off of msg, and its parents.
func (t *table) learn(msg []byte, off int) {
	var buf [MaxName / 2]uint8
	n, hash := Name(msg[off:]), uint32(0)
	starts := n.starts(buf[:0])
	for i := len(starts) - 1; i >= 0; i-- {
		hash = foldHash(hash, n[starts[i]:])
		t.add(hash, off+int(starts[i]))
	}
}

// foldHash continues h, the hash of the parent of n, with the first label of n.
func foldHash(h uint32, n Name) uint32 {
	for _, c := range n[:1+int(n[0])] {
		h = (h ^ uint32(lower1(c))) * 16777619 // FNV-1a
	}
	return h
}

// find returns the offset of n in msg, or 0 if the table does not know it.
func (t *table) find(msg []byte, hash uint32, n Name) uint16 {
	for i := range uint32(steps) {
		off := t[uint8(hash+i)]
		if off == 0 {
			return 0
		}
		if equalAt(msg, int(off), n) {
			return off
		}
	}
	return 0
}

func (t *table) add(hash uint32, off int) {
	if off > farthest {
		return
	}
	for i := range uint32(steps) {
		if p := &t[uint8(hash+i)]; *p == 0 {
			*p = uint16(off)
			return
		}
	}
}
