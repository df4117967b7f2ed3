package cookie

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/dchest/siphash"
)

// Lengths in bytes: of a whole cookie, and of the client's part, which stands first in it.
const (
	Len       = ClientLen + 16
	ClientLen = 8
)

const (
	headLen = ClientLen + 8 // all that stands before the hash
	version = 1
)

// How old a cookie may be, in seconds (RFC 9018, section 4.3). A negative age is the future:
// the clock of another server of the set may be ahead of ours.
const (
	oldest = 60 * 60
	ahead  = 5 * 60
	renew  = 30 * 60
)

// Maker makes cookies with one secret. Its methods are safe for concurrent use and allocate
// nothing.
type Maker struct {
	k0, k1 uint64
}

// New returns a Maker. Makers with one secret take one another's cookies.
func New(secret [16]byte) *Maker {
	return &Maker{
		k0: binary.LittleEndian.Uint64(secret[:8]),
		k1: binary.LittleEndian.Uint64(secret[8:]),
	}
}

// Append appends the cookie that answers the one received, of which the first 8 bytes are the
// client's: that very cookie if it is valid and no older than half an hour, or else a new one
// (RFC 9018, section 4.3). Of fewer than 8 bytes nothing comes.
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

// Valid reports whether received is a cookie that a Maker with this secret made for remote no
// longer than an hour ago. What is in the reserved bytes does not matter, as long as it is
// what was hashed (RFC 9018, section 4.2).
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

// age returns how many seconds before now a cookie was made, by serial number arithmetic: the
// seconds of 32 bits run over in 2106 (RFC 9018, section 4.3; RFC 1982).
func age(cookie []byte, now time.Time) int32 {
	return int32(uint32(now.Unix()) - binary.BigEndian.Uint32(cookie[headLen-4:]))
}

// hash returns the hash of what stands before it and the client's address (RFC 9018, section
// 4.4). An IPv4 address has 4 bytes, also where it came as one of IPv6.
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
