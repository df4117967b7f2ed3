package listen

import (
	"encoding/binary"
	"math"
)

// headerLen is the length of what stands before a message on TCP: its length (RFC 1035,
// section 4.2.2; RFC 7766, section 8).
const headerLen = 2

// cut splits the first message off buf. It returns ok false if it is not complete.
func cut(buf []byte) (message, rest []byte, ok bool) {
	if missing(buf) > 0 {
		return nil, buf, false
	}
	end := headerLen + int(binary.BigEndian.Uint16(buf))
	return buf[headerLen:end], buf[end:], true
}

// missing returns how many octets, as far as is known, buf lacks for its first message.
func missing(buf []byte) int {
	if len(buf) < headerLen {
		return headerLen - len(buf)
	}
	return headerLen + int(binary.BigEndian.Uint16(buf)) - len(buf)
}

// appendFrame appends message with its length before it. It returns dst as it was, and ok
// false, if message is too long.
func appendFrame(dst, message []byte) (frames []byte, ok bool) {
	if len(message) > math.MaxUint16 {
		return dst, false
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(message)))
	return append(dst, message...), true
}
