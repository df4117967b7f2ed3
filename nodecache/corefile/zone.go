package corefile

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

// parseKey reads a word before a block: [dns://]ZONE[:PORT], where ZONE may be a network.
func (o *Options) parseKey(text string) ([]Key, error) {
	if err := o.unfilled(text); err != nil {
		return nil, err
	}
	rest := strings.TrimPrefix(text, "dns://")
	if scheme, _, found := strings.Cut(rest, "://"); found {
		return nil, fmt.Errorf("%s: %s:// is not served, expected ZONE, ZONE:PORT or dns://ZONE:PORT", text, scheme)
	}
	if at, _, err := parseAddrPort(rest, o.Port); err == nil {
		return nil, fmt.Errorf("%q is an address, expected a zone, and bind %s within its block", text, at.Addr())
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

// splitPort cuts :PORT off a zone. In an IPv6 network, colons before the / are no port's.
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

// parseZone returns the zone that text names, in lower case. For a network it returns the reverse
// zones that cover it.
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
		return nil, fmt.Errorf("%q, expected it without *: a zone includes all names below it", text)
	case !strings.Contains(text, `\`) && strings.ContainsFunc(text, isStrange):
		return nil, fmt.Errorf("%q, expected a zone such as example.com or a network such as 10.0.0.0/8%s", text, hint(text))
	}
	return []wire.Name{n.AppendLower(nil)}, nil
}

// isStrange reports whether nobody asks for names with a character in them.
func isStrange(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune(",;'\"$*{}()[]<>|!?&=+@#%^`", c)
}

// reverseZones returns the reverse zones that cover a network. A label stands for 8 bits (RFC
// 1035, section 3.5) or, in IPv6, for 4 (RFC 3596, section 2.5). If the network's length is a
// whole number of labels, there is one zone; otherwise it takes several.
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

// reverseDigits returns the bytes of an IPv4 address, or the hexadecimal digits of an IPv6 address.
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

// reverseZone returns the reverse zone of an address's first digits. It adds more to the last one.
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

// appendReverse appends the reverse zones among more, each unless it is there.
func appendReverse(zones, more []wire.Name) []wire.Name {
	for _, z := range more {
		if isReverse(z) {
			zones = appendNew(zones, z)
		}
	}
	return zones
}

// isReverse reports whether n is a name of an address.
func isReverse(n wire.Name) bool {
	return n.Below(wire.Name("\x07in-addr\x04arpa\x00")) || n.Below(wire.Name("\x03ip6\x04arpa\x00"))
}

// errNoAddr says that a word does not begin with an IP address.
var errNoAddr = errors.New("no IP address")

// parseAddrPort reads ADDRESS[%NAME][:PORT]. IPv6 with a port has brackets around the first two:
// [ADDRESS%NAME]:PORT. Without a port, it returns the one given.
func parseAddrPort(text string, port uint16) (at netip.AddrPort, name string, err error) {
	host, digits := text, ""
	if rest, found := strings.CutPrefix(text, "["); found {
		if host, digits, found = strings.Cut(rest, "]"); !found {
			return at, "", errNoAddr
		}
	} else if colon := strings.LastIndexByte(text, ':'); colon >= 0 && !isAddr(text) {
		host, digits = text[:colon], text[colon:]
	}
	host, name, _ = strings.Cut(host, "%")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return at, "", errNoAddr
	}
	if digits != "" {
		n, err := strconv.ParseUint(strings.TrimPrefix(digits, ":"), 10, 16)
		if err != nil || n == 0 || digits[0] != ':' {
			return at, "", fmt.Errorf("%q, expected a port from 1 to 65535", strings.TrimPrefix(digits, ":"))
		}
		port = uint16(n)
	}
	return netip.AddrPortFrom(addr.Unmap(), port), name, nil
}

// isAddr reports whether text is an IPv6 address without a port: ADDRESS[%NAME].
func isAddr(text string) bool {
	host, name, _ := strings.Cut(text, "%")
	a, err := netip.ParseAddr(host)
	return err == nil && a.Is6() && !strings.Contains(name, ":")
}
