package hosts

import (
	"net/netip"

	"github.com/neardns/neardns/internal/wire"
)

// addrOf returns the address that a name in the reverse zones stands for.
func addrOf(n wire.Name) (addr netip.Addr, ok bool) {
	if addr, ok = addr4(n); !ok {
		addr, ok = addr6(n)
	}
	return addr.Unmap(), ok
}

// addr4 reads four numbers, one a label, the last one first (RFC 1035, section 3.5).
func addr4(n wire.Name) (addr netip.Addr, ok bool) {
	var b [4]byte
	for i := len(b) - 1; i >= 0; i-- {
		if b[i], ok = decimal(n.Label()); !ok {
			return netip.Addr{}, false
		}
		n = n.Parent()
	}
	return netip.AddrFrom4(b), n.Equal(wire.Name("\x07in-addr\x04arpa\x00"))
}

// decimal reads a number from 0 to 255, written without leading zeros.
func decimal(label []byte) (byte, bool) {
	if len(label) == 0 || len(label) > 3 || label[0] == '0' && len(label) > 1 {
		return 0, false
	}
	n := 0
	for _, c := range label {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return byte(n), n <= 255
}

// addr6 reads 32 hexadecimal digits, one a label, the last one first (RFC 3596, section 2.5).
func addr6(n wire.Name) (addr netip.Addr, ok bool) {
	var b [16]byte
	for i := 2*len(b) - 1; i >= 0; i-- {
		label := n.Label()
		if len(label) != 1 {
			return netip.Addr{}, false
		}
		digit, ok := hexadecimal(label[0])
		if !ok {
			return netip.Addr{}, false
		}
		b[i/2] |= digit << (4 * (1 - i%2))
		n = n.Parent()
	}
	return netip.AddrFrom16(b), n.Equal(wire.Name("\x03ip6\x04arpa\x00"))
}

func hexadecimal(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
