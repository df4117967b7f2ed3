package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Name is a domain name in wire form without compression: labels, each behind its length,
// and the root's 0 at the end (RFC 1035, section 3.1). It is often a view of a message. Its
// methods take any bytes, but if the bytes are no name, the result means nothing.
type Name []byte

// Valid reports whether n is one whole name within the limits of RFC 1035, section 2.3.4.
func (n Name) Valid() bool {
	for off := 0; off < len(n) && off < MaxName; {
		length := int(n[off])
		switch {
		case length > maxLabel:
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

// Label returns the leftmost label; that of the root is empty.
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

// Labels returns the number of labels; the root has 0.
func (n Name) Labels() (count int) {
	for len(n) > 0 && n[0] != 0 && 1+int(n[0]) < len(n) {
		n = n[1+int(n[0]):]
		count++
	}
	return count
}

// Equal reports whether two names are equal but for the case of ASCII letters (RFC 4343).
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

// AppendLower appends n with all ASCII letters in lower case.
func (n Name) AppendLower(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, n...)
	lower(dst[start:])
	return dst
}

// String returns n in presentation form; see appendText.
func (n Name) String() string { return string(n.appendText(nil)) }

// appendText appends n in presentation form, with a dot at the end and the letter case of n.
// Characters with a meaning in zone files are escaped (RFC 1035, section 5.1; RFC 4343, section
// 2.1).
func (n Name) appendText(dst []byte) []byte {
	if n.IsRoot() {
		return append(dst, '.')
	}
	for len(n) > 0 && n[0] != 0 {
		for _, c := range n.Label() {
			dst = appendEscaped(dst, c)
		}
		dst = append(dst, '.')
		parent := n.Parent()
		if len(parent) == len(n) {
			break
		}
		n = parent
	}
	return dst
}

func appendEscaped(dst []byte, c byte) []byte {
	switch {
	case c < ' ' || c > '~':
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	case c == '.' || c == ' ' || c == '\'' || c == '@' || c == ';' || c == '(' || c == ')' || c == '"' || c == '\\':
		return append(dst, '\\', c)
	}
	return append(dst, c)
}

// ParseName reads a name in presentation form, with or without a dot at the end; "." is the
// root. Letters keep their case.
func ParseName(text string) (Name, error) {
	n, err := parseName(text)
	if err != nil {
		return nil, fmt.Errorf("domain name %q: %w", text, err)
	}
	return n, nil
}

func parseName(text string) (Name, error) {
	if text == "." {
		return Name{0}, nil
	}
	n := make(Name, 1, len(text)+2)
	label := 0 // where the length of the current label stands
	for i := 0; i < len(text); {
		if text[i] == '.' {
			if err := n.closeLabel(label); err != nil {
				return nil, err
			}
			label, n, i = len(n), append(n, 0), i+1
			continue
		}
		c, size := unescape(text[i:])
		if size == 0 {
			return nil, errors.New(`a backslash must stand before a character or three digits up to 255`)
		}
		n, i = append(n, c), i+size
	}
	if label < len(n)-1 || label == 0 { // no dot at the end
		if err := n.closeLabel(label); err != nil {
			return nil, err
		}
		n = append(n, 0)
	}
	if len(n) > MaxName {
		return nil, fmt.Errorf("longer than %d bytes", MaxName)
	}
	return n, nil
}

// closeLabel ends a label: it writes its length, from behind at to the end of n, to n[at].
func (n Name) closeLabel(at int) error {
	length := len(n) - at - 1
	if length == 0 {
		return errors.New("an empty label")
	}
	if length > maxLabel {
		return fmt.Errorf("a label longer than %d bytes", maxLabel)
	}
	n[at] = byte(length)
	return nil
}

// unescape reads one character, escaped or not. Size is the number of bytes that it takes in the
// text, or 0 if there is no good character.
func unescape(text string) (c byte, size int) {
	switch {
	case text[0] != '\\':
		return text[0], 1
	case len(text) == 1:
		return 0, 0
	case !isDigit(text[1]):
		return text[1], 2
	case len(text) < 4 || !isDigit(text[2]) || !isDigit(text[3]):
		return 0, 0
	}
	value := int(text[1]-'0')*100 + int(text[2]-'0')*10 + int(text[3]-'0')
	if value > 255 {
		return 0, 0
	}
	return byte(value), 4
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// The functions below take a whole name as one run of bytes. They never mistake a length for a
// letter: no length is above 63, and the letters begin at 65.

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

// lower8 is lower1 for eight bytes at once. The sum of two seven-bit numbers never carries into
// the next byte, so the top bit of each byte tells whether the byte has reached a bound.
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

// equalFold compares two runs of bytes of the same length, ignoring the case of ASCII letters.
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
