package wire

import "encoding/binary"

// OPT is what the OPT record of a message says (RFC 6891, section 6.1).
type OPT struct {
	UDPSize  uint16 // bytes the sender takes over UDP, at least 512 (RFC 6891, section 6.2.3)
	Version  uint8  // of EDNS; the options of one above 0 are not read
	Extended uint8  // the upper bits of a response's code
	DO       bool   // the sender takes DNSSEC records (RFC 3225)
	Options
}

// Options are the options of an OPT record that have a meaning here. Any other is ignored.
type Options struct {
	Cookie    []byte // 8 bytes, or 16 to 40 with a server's part (RFC 7873, section 4); nil for none
	Keepalive bool   // edns-tcp-keepalive is there (RFC 7828)
	Timed     bool   // it was read with a TIMEOUT; a query's has none, nor has one that is echoed
	Timeout   uint16 // its TIMEOUT, in units of 100 ms
	Error     Error
}

// Error is an extended error (RFC 8914). Set tells one that is there from none, as the code
// 0 has a meaning.
type Error struct {
	Set  bool
	Code ErrorCode
	Text string // UTF-8, for people; at most maxErrorText bytes of it are sent
}

// maxErrorText keeps an explanation from pushing records out of a reply.
const maxErrorText = 128

// read fills o from an OPT record. It reports false where an option is not well-formed.
func (o *OPT) read(msg []byte, r *Record) bool {
	o.UDPSize = max(uint16(r.Class), MinUDPSize)
	o.Extended, o.Version = uint8(r.TTL>>24), uint8(r.TTL>>16)
	o.DO = r.TTL&doBit != 0
	return o.Version > 0 || o.readOptions(msg[r.Data:r.End])
}

// doBit is the DO bit as a bit of the record's TTL field.
const doBit = 1 << 15

func (o *Options) readOptions(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 4 {
			return false
		}
		code, end := binary.BigEndian.Uint16(b), 4+int(binary.BigEndian.Uint16(b[2:]))
		if end > len(b) || !o.readOption(code, b[4:end:end]) {
			return false
		}
		b = b[end:]
	}
	return true
}

func (o *Options) readOption(code uint16, data []byte) bool {
	switch code {
	case OptionCookie:
		if o.Cookie != nil {
			return true // only the first one counts (RFC 7873, section 5.2)
		}
		o.Cookie = data
		return len(data) == 8 || len(data) >= 16 && len(data) <= 40
	case OptionKeepalive:
		o.Keepalive = true
		if len(data) == 2 {
			o.Timed, o.Timeout = true, binary.BigEndian.Uint16(data)
		}
		return len(data) == 0 || len(data) == 2
	case OptionError:
		return o.Error.read(data)
	}
	return true
}

// read takes the code. The text is for people, and would have to be copied to be kept.
func (e *Error) read(data []byte) bool {
	if len(data) < 2 {
		return false
	}
	e.Set, e.Code = true, ErrorCode(binary.BigEndian.Uint16(data))
	return true
}

// optLen is the length of an OPT record without options.
const optLen = 1 + fixedLen

// Len returns how many bytes AppendOPT writes for o, which may be nil.
func (o *Options) Len() int {
	if o == nil {
		return optLen
	}
	n := optLen
	if o.Cookie != nil {
		n += 4 + len(o.Cookie)
	}
	if o.Keepalive {
		n += 4 + 2
	}
	if o.Error.Set {
		n += 4 + 2 + min(len(o.Error.Text), maxErrorText)
	}
	return n
}

// AppendOPT ends the reply to q, which begins at dst[start], with an OPT record if q has
// one: our own size, DO as asked (RFC 6891, section 6.1.4), and the options o, which may be
// nil. It must be the last record.
func AppendOPT(dst []byte, start int, q *Query, o *Options) []byte {
	return appendOPT(dst, start, q, NoError, o)
}

// appendOPT writes the upper bits of rcode too.
func appendOPT(dst []byte, start int, q *Query, rcode Rcode, o *Options) []byte {
	if !q.EDNS || len(dst) < start+HeaderLen {
		return dst
	}
	count := dst[start+additionalCount:]
	binary.BigEndian.PutUint16(count, binary.BigEndian.Uint16(count)+1)
	ttl := uint32(rcode>>4) << 24
	if q.DO {
		ttl |= doBit
	}
	dst = appendOPTHeader(dst, ttl, o.Len()-optLen)
	if o != nil {
		dst = o.append(dst)
	}
	return dst
}

func appendOPTHeader(dst []byte, ttl uint32, length int) []byte {
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(OPTRR))
	dst = binary.BigEndian.AppendUint16(dst, UDPSize)
	dst = binary.BigEndian.AppendUint32(dst, ttl)
	return binary.BigEndian.AppendUint16(dst, uint16(length))
}

func (o *Options) append(dst []byte) []byte {
	if o.Cookie != nil {
		dst = AppendOption(dst, OptionCookie, o.Cookie)
	}
	if o.Keepalive {
		dst = append(dst, 0, byte(OptionKeepalive), 0, 2)
		dst = binary.BigEndian.AppendUint16(dst, o.Timeout)
	}
	if o.Error.Set {
		text := o.Error.Text[:min(len(o.Error.Text), maxErrorText)]
		dst = append(dst, 0, byte(OptionError), 0, byte(2+len(text)))
		dst = binary.BigEndian.AppendUint16(dst, uint16(o.Error.Code))
		dst = append(dst, text...)
	}
	return dst
}

// AppendOption appends one option of an OPT record. Data longer than 65,535 bytes is cut.
func AppendOption(dst []byte, code uint16, data []byte) []byte {
	data = data[:min(len(data), MaxMessage)]
	dst = binary.BigEndian.AppendUint16(dst, code)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(data)))
	return append(dst, data...)
}
