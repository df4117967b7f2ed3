package zone

import (
	"net/netip"
	"strings"
)

// dashed is the address that a label spells with dashes for dots or colons, in any spelling:
// 10-1-2-3, fd00--1, fd00-0--01. A label that ends like an IPv4 address may spell two:
// fd00--10-1-2-3 is fd00::10:1:2:3, or else fd00::10.1.2.3. Both are invalid if the label spells
// no address.
type dashed struct {
	addr  netip.Addr
	mixed netip.Addr // to be tried if there is nothing at addr
}

// parseDashed reads a label. It reads what netip.ParseAddr reads, except for zones, and seldom
// allocates.
func parseDashed(label string) (d dashed) {
	if strings.Count(label, "-") == 3 && !strings.Contains(label, "--") {
		d.addr, _ = parseDashed4(label)
		return d
	}
	d.addr, _ = parseDashed6(label)
	d.mixed, _ = parseMixed(label)
	return d
}

func parseDashed4(label string) (netip.Addr, bool) {
	var a [4]byte
	for i := range a {
		field, rest, _ := strings.Cut(label, "-")
		b, ok := parseByte(field)
		if !ok {
			return netip.Addr{}, false
		}
		a[i], label = b, rest
	}
	return netip.AddrFrom4(a), true
}

// parseByte reads 0 to 255 in decimal, without leading zeros.
func parseByte(s string) (byte, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i == 3 {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return byte(n), s != "" && n <= 255 && (len(s) == 1 || s[0] != '0')
}

func parseDashed6(label string) (netip.Addr, bool) {
	var front, back [8]uint16
	head, tail, elided := strings.Cut(label, "--")
	h, ok := parseGroups(&front, head)
	if !ok || !elided && h != len(front) {
		return netip.Addr{}, false
	}
	t, ok := parseGroups(&back, tail)
	if !ok || elided && h+t >= len(front) {
		return netip.Addr{}, false
	}
	copy(front[len(front)-t:], back[:t])
	var a [16]byte
	for i, g := range front {
		a[2*i], a[2*i+1] = byte(g>>8), byte(g)
	}
	return netip.AddrFrom16(a).Unmap(), true
}

// parseMixed reads an IPv6 address whose last four bytes are written as an IPv4 address
// (RFC 4291, section 2.2).
func parseMixed(label string) (netip.Addr, bool) {
	at := len(label)
	for range 4 {
		if at = strings.LastIndexByte(label[:at], '-'); at < 0 {
			return netip.Addr{}, false
		}
	}
	v4, ok := parseDashed4(label[at+1:])
	if !ok {
		return netip.Addr{}, false
	}
	whole, ok := parseDashed6(label[:at+1] + "0-0")
	if !ok {
		return netip.Addr{}, false
	}
	a, end := whole.As16(), v4.As4()
	copy(a[12:], end[:])
	return netip.AddrFrom16(a).Unmap(), true
}

// parseGroups reads groups of one to four hexadecimal digits and returns how many there are.
func parseGroups(groups *[8]uint16, s string) (n int, ok bool) {
	for more := s != ""; more; n++ {
		var group string
		group, s, more = strings.Cut(s, "-")
		if n == len(groups) || len(group) == 0 || len(group) > 4 {
			return 0, false
		}
		for i := range len(group) {
			digit, ok := hexDigit(group[i])
			if !ok {
				return 0, false
			}
			groups[n] = groups[n]<<4 | uint16(digit)
		}
	}
	return n, true
}

// hexDigit reads one lower-case hexadecimal digit.
func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// appendDashes appends the label of a Pod: its address (RFC 5952) with dashes for dots or colons.
func appendDashes(dst []byte, addr netip.Addr) []byte {
	if addr.Is4() {
		return appendDashed4(dst, addr.As4())
	}
	start := len(dst)
	dst = addr.AppendTo(dst)
	for i := start; i < len(dst); i++ {
		if dst[i] == '.' || dst[i] == ':' {
			dst[i] = '-'
		}
	}
	return dst
}

// appendDashed4 appends an IPv4 address. An answer with SRV records has many.
func appendDashed4(dst []byte, addr [4]byte) []byte {
	for i, b := range addr {
		if i > 0 {
			dst = append(dst, '-')
		}
		if b >= 100 {
			dst = append(dst, '0'+b/100)
		}
		if b >= 10 {
			dst = append(dst, '0'+b/10%10)
		}
		dst = append(dst, '0'+b%10)
	}
	return dst
}

// AppendDashed appends the label of an endpoint without a host name: its address with dashes,
// and a 0 after a dash at the end. It allocates only if dst has no room.
func AppendDashed(dst []byte, addr netip.Addr) []byte {
	dst = appendDashes(dst, addr)
	if dst[len(dst)-1] == '-' {
		dst = append(dst, '0')
	}
	return dst
}
