package upstream

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Record types.
const (
	typeA    = 1
	typeNS   = 2
	typeAAAA = 28
	typeOPT  = 41
)

const rcodeNXDomain = 3

// optionKeepalive is edns-tcp-keepalive (RFC 7828 section 3.1).
const optionKeepalive = 11

// record is a resource record (RFC 1035 section 4.1.3) without its name.
type record struct {
	section int // 1 answer, 2 authority, 3 additional
	rrtype  uint16
	ttl     time.Duration
	data    []byte
}

// records yields the records of m, until one is broken.
func records(m []byte) func(yield func(record) bool) {
	return func(yield func(record) bool) {
		q, ok := question(m)
		if !ok {
			return
		}
		rest := m[headerLen+len(q):]
		for section := 1; section <= 3; section++ {
			for range count(m, section) {
				r, after, ok := cutRecord(rest)
				r.section, rest = section, after
				if !ok || !yield(r) {
					return
				}
			}
		}
	}
}

func cutRecord(m []byte) (r record, rest []byte, ok bool) {
	for len(m) > 0 && m[0] != 0 && m[0] < 64 {
		m = m[min(int(m[0])+1, len(m)):]
	}
	if len(m) > 0 && m[0] >= 64 { // a pointer: one byte more than the root
		m = m[1:]
	}
	if len(m) < 11 {
		return r, nil, false
	}
	size := int(binary.BigEndian.Uint16(m[9:]))
	if len(m) < 11+size {
		return r, nil, false
	}
	r.rrtype = binary.BigEndian.Uint16(m[1:])
	r.ttl = time.Duration(binary.BigEndian.Uint32(m[5:])) * time.Second
	r.data = m[11 : 11+size]
	return r, m[11+size:], true
}

// keepalive returns the idle time-out that a server announces in m (RFC 7828 section 3.3.2).
func keepalive(m []byte) (time.Duration, bool) {
	for r := range records(m) {
		for opts := r.data; r.rrtype == typeOPT && len(opts) >= 4; {
			code, size := binary.BigEndian.Uint16(opts), int(binary.BigEndian.Uint16(opts[2:]))
			if len(opts) < 4+size {
				break
			}
			if code == optionKeepalive && size == 2 {
				return time.Duration(binary.BigEndian.Uint16(opts[4:])) * 100 * time.Millisecond, true
			}
			opts = opts[4+size:]
		}
	}
	return 0, false
}

// addresses returns the addresses in the answer section of m and their least TTL.
func addresses(m []byte) (addrs []netip.Addr, ttl time.Duration) {
	for r := range records(m) {
		addr, ok := netip.AddrFromSlice(r.data)
		if r.section != 1 || !ok || (r.rrtype != typeA || !addr.Is4()) && (r.rrtype != typeAAAA || !addr.Is6()) {
			continue
		}
		if len(addrs) == 0 || r.ttl < ttl {
			ttl = r.ttl
		}
		addrs = append(addrs, addr.Unmap())
	}
	return addrs, ttl
}
