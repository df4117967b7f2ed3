package zone

import (
	"iter"
	"net/netip"
	"strings"
)

// Pointer is what a PTR record points to: a Service, or one endpoint of it.
type Pointer struct {
	Key
	Host  string     // the endpoint's label, if it has a host name
	Addr  netip.Addr // the endpoint's address
	Whole bool       // the Service itself, by its cluster IP
}

// The trees of reverse names (RFC 1035 section 3.5, RFC 3596 section 2.5).
const (
	arpa4 = "in-addr.arpa."
	arpa6 = "ip6.arpa."
)

// prefix is the first bits of an address. IPv4 addresses are mapped into IPv6 (RFC 4291, section
// 2.5.5.2): they begin at ::ffff:0.0.0.0 and end before afterMapped.
type prefix struct {
	addr [16]byte
	bits int
	v6   bool
}

var afterMapped = [16]byte{9: 1}

func isMapped(addr [16]byte) bool { return netip.AddrFrom16(addr).Is4In6() }

// Reverse finds a reverse name among the local Services and appends what its PTR records point
// to: the Service with that cluster IP, or else each Service's endpoint with that address. A PTR
// record points only to names that Lookup finds. The name is fully qualified and in lower case.
func (s *Store) Reverse(dst []Pointer, name string) ([]Pointer, Existence) {
	t := s.shown.Load()
	if t == nil {
		return dst, NotSynced
	}
	p, ok := parseReverse(name)
	if !ok {
		return dst, NoName
	}
	if p.bits < 128 {
		return dst, t.anyBelow(p)
	}
	if p.v6 && isMapped(p.addr) {
		return dst, NoName // an IPv4 address is named below in-addr.arpa
	}
	n := len(dst)
	if dst = t.appendPointers(dst, p.addr); len(dst) == n {
		return dst, NoName
	}
	return dst, Records
}

// ReverseAddr returns the address that a reverse name stands for, or the leading bits of one, and how many
// bits these are. It returns false if the name stands for none.
func ReverseAddr(name string) (addr netip.Addr, bits int, ok bool) {
	p, ok := parseReverse(name)
	switch addr = netip.AddrFrom16(p.addr); {
	case !ok || p.v6 && isMapped(p.addr):
		return netip.Addr{}, 0, false // an IPv4 address is named below in-addr.arpa
	case p.v6:
		return addr, p.bits, true
	}
	return addr.Unmap(), p.bits - 96, true
}

// IsReverse reports whether name, fully qualified and in lower case, is a reverse name.
func IsReverse(name string) bool {
	_, _, ok := cutArpa(name)
	return ok
}

// cutArpa cuts the tree off a reverse name and tells whether it is the IPv6 one.
func cutArpa(name string) (labels string, v6, ok bool) {
	if labels, ok = strings.CutSuffix(name, arpa4); !ok {
		labels, v6 = strings.CutSuffix(name, arpa6)
		ok = v6
	}
	return labels, v6, ok && (labels == "" || labels[len(labels)-1] == '.')
}

// parseReverse reads the address, or the leading part of one, that a reverse name stands for.
func parseReverse(name string) (p prefix, ok bool) {
	labels, v6, ok := cutArpa(name)
	if !ok {
		return p, false
	}
	if p.v6 = v6; !v6 {
		p.addr[10], p.addr[11], p.bits = 0xff, 0xff, 96
	}
	labels = strings.TrimSuffix(labels, ".")
	for labels != "" {
		var label string
		labels, label = cut(labels)
		if p.bits >= 128 || !p.extend(label, v6) {
			return p, false
		}
	}
	return p, true
}

// extend adds what one more label stands for: a byte of IPv4, a nibble of IPv6. It returns false
// if the label is neither.
func (p *prefix) extend(label string, v6 bool) bool {
	if !v6 {
		b, ok := parseByte(label)
		p.addr[p.bits/8] = b
		p.bits += 8
		return ok
	}
	if len(label) != 1 {
		return false
	}
	nibble, ok := hexDigit(label[0])
	p.addr[p.bits/8] |= nibble << (4 - p.bits%8)
	p.bits += 4
	return ok
}

// contains reports whether addr begins with p.
func (p prefix) contains(addr [16]byte) bool {
	whole := p.bits / 8
	if string(p.addr[:whole]) != string(addr[:whole]) {
		return false
	}
	return p.bits%8 == 0 || p.addr[whole] == addr[whole]&0xf0
}

// anyBelow tells an empty non-terminal from a name that does not exist.
func (t *tables) anyBelow(p prefix) Existence {
	found, stopped := t.scan(p, p.addr)
	if stopped {
		found, _ = t.scan(p, afterMapped)
	}
	return found
}

// scan looks for an address below p, starting at from. If p is IPv6, it stops where IPv4
// begins. It passes over 64 holders without a PTR record at most; after that it returns NoData,
// which is the safe answer.
func (t *tables) scan(p prefix, from [16]byte) (found Existence, stopped bool) {
	found = NoName
	left := 64
	t.sets[Local].addrs.from(from, func(h holder) bool {
		if stopped = p.v6 && isMapped(h.addr); stopped || !p.contains(h.addr) {
			return false
		}
		if left--; left == 0 || t.named(h) {
			found = NoData
		}
		return found == NoName
	})
	return found, stopped
}

// named reports whether the holder's Service exists and has names of its own kind.
func (t *tables) named(h holder) bool {
	st := h.entry.state.Load()
	return st.service != nil && st.service.Kind != ExternalName &&
		!t.ignored(st) && t.namespaceExists(h.entry.key.Namespace)
}

func (t *tables) appendPointers(dst []Pointer, addr [16]byte) []Pointer {
	t.sets[Local].addrs.from(addr, func(h holder) bool {
		if h.addr != addr {
			return false
		}
		if !t.named(h) {
			return true
		}
		if h.vip {
			dst = append(dst, Pointer{Key: h.entry.key, Whole: true})
			return false
		}
		dst = h.appendPointers(dst)
		return true
	})
	return dst
}

// appendPointers appends the names of the Service's endpoints at the holder's address.
func (h holder) appendPointers(dst []Pointer) []Pointer {
	first, addr := len(dst), netip.AddrFrom16(h.addr).Unmap()
	for _, sl := range h.entry.state.Load().slices {
		for _, e := range sl.at(addr, int(h.place)) {
			p := Pointer{Key: h.entry.key, Host: e.Host, Addr: addr}
			if !containsPointer(dst[first:], p) {
				dst = append(dst, p)
			}
		}
	}
	return dst
}

// Pointers yields every address that has PTR records, ascending, with what they point to. The
// slice is valid until the next step.
func (s *Store) Pointers() iter.Seq2[netip.Addr, []Pointer] {
	return func(yield func(netip.Addr, []Pointer) bool) {
		var last [16]byte
		var buf []Pointer
		t := s.view()
		t.sets[Local].addrs.from(last, func(h holder) bool {
			if h.addr == last {
				return true
			}
			last, buf = h.addr, t.appendPointers(buf[:0], h.addr)
			return len(buf) == 0 || yield(netip.AddrFrom16(h.addr).Unmap(), buf)
		})
	}
}

func containsPointer(ps []Pointer, p Pointer) bool {
	for _, o := range ps {
		if o == p {
			return true
		}
	}
	return false
}

// ServicesAt yields the local Services that have an endpoint with address addr. Each Result
// holds all endpoints of its Service.
func (s *Store) ServicesAt(addr netip.Addr) iter.Seq[Result] {
	key := addr.As16()
	return func(yield func(Result) bool) {
		t := s.view()
		t.sets[Local].addrs.from(key, func(h holder) bool {
			if h.addr != key {
				return false
			}
			if h.vip || !t.named(h) {
				return true
			}
			r, ok := t.own(h.entry)
			return !ok || yield(r)
		})
	}
}
