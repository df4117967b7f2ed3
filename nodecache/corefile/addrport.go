package corefile

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// errNoAddr says that a word does not begin with an IP address.
var errNoAddr = errors.New("no IP address")

// parseAddrPort reads ADDRESS, ADDRESS%NAME, either with :PORT behind it; brackets around the
// first part of these are for IPv6 with a port.
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

// isAddr reports whether text is an address of IPv6 without a port, with a name or not.
func isAddr(text string) bool {
	host, name, _ := strings.Cut(text, "%")
	a, err := netip.ParseAddr(host)
	return err == nil && a.Is6() && !strings.Contains(name, ":")
}
