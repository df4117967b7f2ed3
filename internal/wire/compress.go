package wire

import "encoding/binary"

// Names within a message may end in a pointer to an earlier name (RFC 1035, section
// 4.1.4). Here a pointer is good only if it leads to before the name, or the part of one,
// that it ends: so no chain of pointers has a loop. Nor is one followed for ever: a name
// needs no more pointers than it has labels.
const (
	pointerBits = 0xC0 // where a label's length would stand
	maxPointers = MaxName / 2
)

// SkipName returns the offset behind the name at off. It looks at labels and at where a
// pointer at their end leads, and does not follow it.
func SkipName(msg []byte, off int) (next int, ok bool) {
	for at := off; at >= 0 && at < len(msg) && at-off < MaxName; {
		length := int(msg[at])
		switch {
		case length == 0:
			return at + 1, true
		case length <= MaxLabel:
			at += 1 + length
		default:
			_, ok = pointer(msg, at, off)
			return at + 2, ok
		}
	}
	return 0, false
}

// pointer reads the pointer at off, which must lead to before limit.
func pointer(msg []byte, off, limit int) (target int, ok bool) {
	if off+2 > len(msg) || msg[off]&pointerBits != pointerBits {
		return 0, false
	}
	target = int(binary.BigEndian.Uint16(msg[off:]) &^ (pointerBits << 8))
	return target, target >= HeaderLen && target < limit
}

// AppendName appends the name at off without its compression, and returns the offset
// behind it in msg. Where msg has no good name there, dst comes back as it was.
func AppendName(dst, msg []byte, off int) (name []byte, next int, ok bool) {
	start, limit := len(dst), off
	next, ok = SkipName(msg, off)
	if !ok {
		return dst, 0, false
	}
	for pointers := 0; off < len(msg); {
		length := int(msg[off])
		if length > MaxLabel {
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

// EqualAt reports whether the name at off, which may be compressed, is n but for case.
func EqualAt(msg []byte, off int, n Name) bool {
	limit := off
	for pointers := 0; off < len(msg) && len(n) > 0; {
		length := int(msg[off])
		if length > MaxLabel {
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
