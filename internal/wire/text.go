package wire

import (
	"errors"
	"fmt"
)

// String returns n in presentation form; see AppendText.
func (n Name) String() string { return string(n.AppendText(nil)) }

// AppendText appends n in presentation form, with the dot at its end and in the case it
// has. What is special in a zone file is escaped (RFC 1035, section 5.1; RFC 4343, section 2.1).
func (n Name) AppendText(dst []byte) []byte {
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

// ParseName reads a name in presentation form. The dot at its end may be missing; "." is
// the root. Letters keep their case.
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
	label := 0 // where the length of the label being read stands
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
		return nil, errors.New("longer than 255 bytes")
	}
	return n, nil
}

// closeLabel writes the length of the label that reaches from at to the end.
func (n Name) closeLabel(at int) error {
	length := len(n) - at - 1
	if length == 0 {
		return errors.New("an empty label")
	}
	if length > MaxLabel {
		return errors.New("a label longer than 63 bytes")
	}
	n[at] = byte(length)
	return nil
}

// unescape reads one character, escaped or not, and returns how many bytes it took, 0 for none.
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
