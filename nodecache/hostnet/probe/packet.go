package probe

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// flow is one direction of a conversation over UDP or TCP.
type flow struct {
	protocol byte
	from, to netip.AddrPort
}

// reverse returns the other direction.
func (f flow) reverse() flow { return flow{f.protocol, f.to, f.from} }

const (
	header4 = 20 // bytes of an IPv4 header without options, RFC 791, section 3.1
	header6 = 40 // bytes of an IPv6 header, RFC 8200, section 3
	hops    = 64 // that a packet may take, the default of the kernel
)

// packet returns an IP header and behind it segment: a transport header with its payload. It first
// sets the segment's checksum, which lies at an offset.
func (f flow) packet(segment []byte, checksum int) []byte {
	sum := f.pseudo(len(segment))
	binary.BigEndian.PutUint16(segment[checksum:], 0)
	sum = finish(add(sum, segment))
	if sum == 0 && f.protocol == unix.IPPROTO_UDP {
		sum = 0xffff // RFC 768: 0 would mean that there is no checksum
	}
	binary.BigEndian.PutUint16(segment[checksum:], uint16(sum))
	return append(f.header(len(segment)), segment...)
}

// header returns the IP header for a segment of a length, with room for the segment.
func (f flow) header(length int) []byte {
	if f.to.Addr().Is4() {
		h := make([]byte, header4, header4+length)
		h[0] = 4<<4 | header4/4
		binary.BigEndian.PutUint16(h[2:], uint16(header4+length))
		h[6] = 0x40 // DF: with it the ID means nothing, RFC 6864, section 4.1
		h[8], h[9] = hops, f.protocol
		copy(h[12:], f.from.Addr().AsSlice())
		copy(h[16:], f.to.Addr().AsSlice())
		binary.BigEndian.PutUint16(h[10:], uint16(finish(add(0, h))))
		return h
	}
	h := make([]byte, header6, header6+length)
	h[0] = 6 << 4
	binary.BigEndian.PutUint16(h[4:], uint16(length))
	h[6], h[7] = f.protocol, hops
	copy(h[8:], f.from.Addr().AsSlice())
	copy(h[24:], f.to.Addr().AsSlice())
	return h
}

// pseudo returns the sum of the pseudo-header, RFC 9293, section 3.1.
func (f flow) pseudo(length int) uint32 {
	sum := add(0, f.from.Addr().AsSlice())
	sum = add(sum, f.to.Addr().AsSlice())
	return sum + uint32(f.protocol) + uint32(length)
}

// add adds the 16-bit words of b to a sum, RFC 1071.
func add(sum uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// finish makes a checksum of a sum.
func finish(sum uint32) uint32 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^sum & 0xffff
}

// parse splits an IP packet. It takes body for a transport header with its payload, which is right
// for all answers to a probe: they are no fragments, and have no extension headers. The packet that
// an ICMP error quotes is cut short, and so is its body then.
func parse(p []byte) (protocol byte, src, dst netip.Addr, body []byte, ok bool) {
	switch {
	case len(p) >= header4 && p[0]>>4 == 4:
		size := int(p[0]&0xf) * 4
		if size < header4 || size > len(p) {
			return 0, src, dst, nil, false
		}
		src, dst = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
		return p[9], src, dst, p[size:], true
	case len(p) >= header6 && p[0]>>4 == 6:
		src, dst = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
		return p[6], src, dst, p[header6:], true
	}
	return 0, src, dst, nil, false
}

// segment returns the transport header and the payload of a packet. ok says whether the packet is
// of f.
func (f flow) segment(p []byte) (segment []byte, ok bool) {
	protocol, src, dst, body, ok := parse(p)
	if !ok || protocol != f.protocol || len(body) < 8 {
		return nil, false
	}
	from := netip.AddrPortFrom(src, binary.BigEndian.Uint16(body))
	to := netip.AddrPortFrom(dst, binary.BigEndian.Uint16(body[2:]))
	return body, from == f.from && to == f.to
}

// refused returns the part of a segment that an ICMP error quotes. ok says whether the packet is
// such an error (type 3 of RFC 792, type 1 of RFC 4443) and quotes a segment of f, which nobody got
// then. The quotation begins after 8 bytes.
func (f flow) refused(p []byte) (quote []byte, ok bool) {
	protocol, _, _, body, ok := parse(p)
	if !ok || len(body) < 8 {
		return nil, false
	}
	if protocol == unix.IPPROTO_ICMP && body[0] == 3 || protocol == unix.IPPROTO_ICMPV6 && body[0] == 1 {
		return f.segment(body[8:])
	}
	return nil, false
}
