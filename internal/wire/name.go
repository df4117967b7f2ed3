package wire

import (
	"bytes"
	"encoding/binary"
)

// Name is a domain name in wire form without compression: labels, each behind its length,
// and the root's 0 at the end (RFC 1035, section 3.1). It is often a view of a message.
// Methods take any bytes; of those that are no name, what they return means nothing.
type Name []byte

// Valid reports whether n is one whole name within the limits of RFC 1035, section 2.3.4.
func (n Name) Valid() bool {
	for off := 0; off < len(n) && off < MaxName; {
		length := int(n[off])
		switch {
		case length > MaxLabel:
			return false
		case length == 0:
			return off+1 == len(n)
		}
		off += 1 + length
	}
	return false
}

// IsRoot reports whether n is the root.
func (n Name) IsRoot() bool { return len(n) > 0 && n[0] == 0 }

// Label returns the leftmost label. The root has an empty one.
func (n Name) Label() []byte {
	if len(n) == 0 || 1+int(n[0]) > len(n) {
		return nil
	}
	return n[1 : 1+int(n[0])]
}

// Parent returns n without its leftmost label. The root is its own parent.
func (n Name) Parent() Name {
	if n.IsRoot() || len(n) == 0 || 1+int(n[0]) > len(n) {
		return n
	}
	return n[1+int(n[0]):]
}

// Labels returns how many labels n has; the root has 0.
func (n Name) Labels() (count int) {
	for len(n) > 0 && n[0] != 0 && 1+int(n[0]) < len(n) {
		n = n[1+int(n[0]):]
		count++
	}
	return count
}

// Equal reports whether two names are the same but for the case of ASCII letters (RFC 4343).
func (n Name) Equal(o Name) bool {
	return len(n) == len(o) && (bytes.Equal(n, o) || equalFold(n, o))
}

// Below reports whether n is zone or a name below it.
func (n Name) Below(zone Name) bool {
	if zone.IsRoot() {
		return len(n) > 0
	}
	for len(n) > len(zone) && !n.IsRoot() {
		parent := n.Parent()
		if len(parent) == len(n) {
			return false
		}
		n = parent
	}
	return n.Equal(zone)
}

// AppendLower appends n with its ASCII letters in lower case.
func (n Name) AppendLower(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, n...)
	lower(dst[start:])
	return dst
}

// The functions below may take a whole name as one run of bytes: no length is above 63,
// and the letters begin at 65.

// lower turns ASCII letters to lower case in place.
func lower(b []byte) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, lower8(binary.LittleEndian.Uint64(b)))
		b = b[8:]
	}
	for i, c := range b {
		b[i] = lower1(c)
	}
}

func lower1(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// lower8 is lower1 of eight bytes at once. Sums of seven-bit numbers never carry into the
// next byte, so that the top bit of each says whether that byte has reached a bound.
func lower8(w uint64) uint64 {
	const (
		each = 0x0101010101010101
		top  = 0x80 * each
	)
	low := w &^ top
	fromA := low + (0x80-'A')*each
	aboveZ := low + (0x7F-'Z')*each
	return w | (fromA&^aboveZ&^w&top)>>2
}

// equalFold compares runs of bytes of one length.
func equalFold(a, b []byte) bool {
	for len(a) >= 8 && len(b) >= 8 {
		if lower8(binary.LittleEndian.Uint64(a)) != lower8(binary.LittleEndian.Uint64(b)) {
			return false
		}
		a, b = a[8:], b[8:]
	}
	for i, c := range a {
		if lower1(c) != lower1(b[i]) {
			return false
		}
	}
	return true
}
