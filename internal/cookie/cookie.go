package cookie

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/dchest/siphash"
)

// Lengths in bytes: of a whole cookie, and of the client's part, with which it begins.
const (
	Len       = headLen + 8
	ClientLen = 8
)

const (
	headLen = ClientLen + 8 // everything before the hash
	version = 1
)

// Ages of a cookie, in seconds (RFC 9018, section 4.3).
const (
	oldest = 60 * 60 // the greatest age of a valid one
	ahead  = 5 * 60  // how far in the future it may be: another server's clock may be ahead of ours
	renew  = 30 * 60 // a client with an older one gets a new one
)

// Maker makes cookies with one secret. Its methods are safe for concurrent use and allocate
// nothing.
type Maker struct {
	k0, k1 uint64
}

// New returns a Maker. Makers with the same secret accept each other's cookies.
func New(secret [16]byte) *Maker {
	return &Maker{
		k0: binary.LittleEndian.Uint64(secret[:8]),
		k1: binary.LittleEndian.Uint64(secret[8:]),
	}
}

// Append appends the cookie for the reply to a client at remote that sent received. The client's
// part is the first 8 bytes; if received is shorter, Append appends nothing. It appends received
// itself if that is a valid cookie no older than half an hour, and a new cookie otherwise (RFC
// 9018, section 4.3).
func (m *Maker) Append(dst, received []byte, remote netip.Addr, now time.Time) []byte {
	switch {
	case len(received) < ClientLen:
		return dst
	case m.Valid(received, remote, now) && age(received, now) <= renew:
		return append(dst, received...)
	}
	start := len(dst)
	dst = append(dst, received[:ClientLen]...)
	dst = append(dst, version, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(now.Unix()))
	return binary.LittleEndian.AppendUint64(dst, m.hash(dst[start:], remote))
}

// Valid reports whether a Maker with this secret made the cookie received for remote, at most an
// hour ago. The reserved bytes may have any value, if they had it when they were hashed (RFC 9018,
// section 4.2).
func (m *Maker) Valid(received []byte, remote netip.Addr, now time.Time) bool {
	if len(received) != Len || received[ClientLen] != version {
		return false
	}
	if a := age(received, now); a > oldest || a < -ahead {
		return false
	}
	var want [8]byte
	binary.LittleEndian.PutUint64(want[:], m.hash(received[:headLen], remote))
	return subtle.ConstantTimeCompare(want[:], received[headLen:]) == 1
}

// age returns how many seconds before now a cookie was made. A negative age is the future. The
// 32 bits overflow in 2106, so it uses serial number arithmetic (RFC 9018, section 4.3; RFC 1982).
func age(cookie []byte, now time.Time) int32 {
	return int32(uint32(now.Unix()) - binary.BigEndian.Uint32(cookie[headLen-4:]))
}

// hash returns the hash of head, which is everything before the hash, and of the client's address
// (RFC 9018, section 4.4). An IPv4 address has 4 bytes, also if it came as an IPv6 address.
func (m *Maker) hash(head []byte, remote netip.Addr) uint64 {
	var buf [headLen + 16]byte
	b := append(buf[:0], head...)
	if remote = remote.Unmap(); remote.Is4() {
		addr := remote.As4()
		b = append(b, addr[:]...)
	} else {
		addr := remote.As16()
		b = append(b, addr[:]...)
	}
	return siphash.Hash(m.k0, m.k1, b)
}
