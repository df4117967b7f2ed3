package corefile

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

// parseKey reads what stands before a block: ZONE or ZONE:PORT, dns:// before it or not,
// where ZONE may be a network.
func (o *Options) parseKey(text string) ([]Key, error) {
	if err := o.unfilled(text); err != nil {
		return nil, err
	}
	rest := strings.TrimPrefix(text, "dns://")
	if scheme, _, found := strings.Cut(rest, "://"); found {
		return nil, fmt.Errorf("%s: %s:// is not served, expected ZONE, ZONE:PORT or dns://ZONE:PORT", text, scheme)
	}
	if at, _, err := parseAddrPort(rest, o.Port); err == nil {
		return nil, fmt.Errorf("%q is an address, expected a zone, with bind %s within its block", text, at.Addr())
	}
	if err := glued(rest); err != nil {
		return nil, err
	}
	zone, port, err := splitPort(rest, o.Port)
	if err != nil {
		return nil, err
	}
	zones, err := parseZone(zone)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, len(zones))
	for i, z := range zones {
		keys[i] = Key{z, port}
	}
	return keys, nil
}

// splitPort cuts a port off a zone. A network of IPv6 has its length before it, and colons.
func splitPort(text string, port uint16) (string, uint16, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < strings.LastIndexByte(text, '/') || colon < 0 {
		return text, port, nil
	}
	digits := text[colon+1:]
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%s: %q, expected a port from 1 to 65535", text, digits)
	}
	return text[:colon], uint16(n), nil
}

// parseZone returns the zone that text names, in lower case; for a network, all those
// that together are its reverse zone.
func parseZone(text string) ([]wire.Name, error) {
	text = strings.TrimPrefix(text, "dns://")
	if p, err := netip.ParsePrefix(text); err == nil {
		return reverseZones(p.Masked()), nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return nil, fmt.Errorf("%q is an address, expected a zone such as example.com or a network such as %s/%d", text, text, addr.BitLen())
	}
	n, err := wire.ParseName(text)
	switch {
	case strings.Contains(text, "/") && !isReverse(n.AppendLower(nil)): // RFC 2317 has such names
		return nil, fmt.Errorf("%q, expected a network such as 10.0.0.0/8 or 2001:db8::/32", text)
	case strings.Contains(text, ":"):
		return nil, fmt.Errorf("%q, expected a domain name or a network such as 2001:db8::/32", text)
	case text == "":
		return nil, errors.New(`"", expected a domain name, or . for all` + hint(text))
	case err != nil:
		return nil, fmt.Errorf("%w, expected a zone such as example.com or a network such as 10.0.0.0/8", err)
	case strings.Contains(text, "*"):
		return nil, fmt.Errorf("%q, expected it without *: a zone has all names below it", text)
	case !strings.Contains(text, `\`) && strings.ContainsFunc(text, isStrange):
		return nil, fmt.Errorf("%q, expected a zone such as example.com or a network such as 10.0.0.0/8%s", text, hint(text))
	}
	return []wire.Name{n.AppendLower(nil)}, nil
}

// isStrange reports whether a character stands in no name that anybody asks for.
func isStrange(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune(",;'\"$*{}()[]<>|!?&=+@#%^`", c)
}

// hint returns what may be wrong with a word, or nothing.
func hint(word string) string {
	switch {
	case word == "":
		return "; is a variable empty?"
	case strings.Contains(word, "$"):
		return "; a variable is written {$NAME}"
	case strings.Contains(word, ","):
		return "; words are separated by spaces"
	case strings.HasSuffix(word, ";"):
		return "; a line ends without a ;"
	case strings.ContainsAny(word, "'\""):
		return "; only \" encloses words, in pairs"
	case strings.ContainsFunc(word, func(c rune) bool { return c > '~' }):
		return "; other letters are written as xn--"
	}
	return ""
}

// reverseZones returns the reverse zones of a network: one if its length is a whole number of
// labels, of 8 bits (RFC 1035, section 3.5) or 4 (RFC 3596, section 2.5), else as many as it takes.
func reverseZones(p netip.Prefix) []wire.Name {
	width := 4
	if p.Addr().Is4() {
		width = 8
	}
	missing := (width - p.Bits()%width) % width
	whole := (p.Bits() + missing) / width
	digits := reverseDigits(p.Addr())[:whole]
	zones := make([]wire.Name, 0, 1<<missing)
	for i := range 1 << missing {
		zones = append(zones, reverseZone(digits, i, p.Addr().Is4()))
	}
	return zones
}

// reverseDigits returns the bytes of an IPv4 address, or the hexadecimal digits of an IPv6 one.
func reverseDigits(a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return b[:]
	}
	digits := make([]byte, 0, 32)
	for _, b := range a.As16() {
		digits = append(digits, b>>4, b&0xF)
	}
	return digits
}

// reverseZone returns the zone of an address's first digits, with more added to the last one.
func reverseZone(digits []byte, more int, is4 bool) wire.Name {
	var n wire.Name
	base, tail := 16, "\x03ip6\x04arpa\x00"
	if is4 {
		base, tail = 10, "\x07in-addr\x04arpa\x00"
	}
	for i := len(digits) - 1; i >= 0; i-- {
		value := int64(digits[i])
		if i == len(digits)-1 {
			value += int64(more)
		}
		label := strconv.FormatInt(value, base)
		n = append(append(n, byte(len(label))), label...)
	}
	return append(n, tail...)
}
