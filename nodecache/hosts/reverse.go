package hosts

import (
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/wire"
)

// appendReverse appends a reply with the names of the address that q's name stands for.
func (t *Table) appendReverse(dst []byte, q *wire.Query, ttl uint32) ([]byte, State) {
	addr, ok := addrOf(q.Name)
	if !ok || !t.named(addr) {
		return dst, Elsewhere
	}
	start := len(dst)
	dst = wire.AppendHeader(dst, q, wire.NoError, wire.AA|wire.RA)
	for i, p := range t.parts {
		for _, n := range p.names[addr] {
			if t.gaveName(i, addr, n) {
				continue
			}
			if full(dst, start) {
				return dst, Answered
			}
			dst = wire.AppendRecord(dst, start, wire.Answer, nil, wire.PTR, wire.IN, ttl, n)
		}
	}
	return dst, Answered
}

// named reports whether addr has a name.
func (t *Table) named(addr netip.Addr) bool {
	return slices.ContainsFunc(t.parts, func(p *part) bool { return len(p.names[addr]) > 0 })
}

// gaveName reports whether a part before the i-th has the name too.
func (t *Table) gaveName(i int, addr netip.Addr, n wire.Name) bool {
	for _, p := range t.parts[:i] {
		if slices.ContainsFunc(p.names[addr], n.Equal) {
			return true
		}
	}
	return false
}

// addrOf returns the address that a name of the reverse zones stands for.
func addrOf(n wire.Name) (addr netip.Addr, ok bool) {
	if addr, ok = addr4(n); !ok {
		addr, ok = addr6(n)
	}
	return addr.Unmap(), ok
}

// addr4 reads four labels of a number each, last first (RFC 1035, section 3.5).
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

// decimal reads a number from 0 to 255 as it is written without a zero in front.
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

// addr6 reads 32 labels of a hexadecimal digit each, last first (RFC 3596, section 2.5).
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
