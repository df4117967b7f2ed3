package wire

import (
	"bytes"
	"encoding/binary"
	"time"
	"unicode"
	"unicode/utf8"
)

// OPT is the content of a message's OPT record (RFC 6891, section 6.1).
type OPT struct {
	UDPSize  uint16 // how many bytes the sender takes over UDP, at least 512 (RFC 6891, section 6.2.3)
	Version  uint8  // of EDNS; above 0 the options are not read
	DO       bool   // the sender takes DNSSEC records (RFC 3225)
	extended uint8  // the upper bits of a response's code
	Options
}

// Options are the options of an OPT record that we understand. We ignore all others.
type Options struct {
	Cookie    []byte // 8 bytes, or 16 to 40 with a server's part (RFC 7873, section 4); nil for none
	Keepalive bool   // edns-tcp-keepalive is present (RFC 7828)
	Timed     bool   // it was read with a TIMEOUT; a query has none, and neither has an echo
	Timeout   uint16 // its TIMEOUT, in units of 100 ms
	Error     Error
	NSID      bool // a query asks for the server's identifier (RFC 5001, section 2.1); we send none
}

// KeepAlive tells a client how long it may keep its TCP connection without a query (RFC 7828, section
// 3.1): a second less than idle, after which the server closes it, because the query may take some time
// to arrive. A server that leaves asks the client to close (section 3.3.2).
func (o *Options) KeepAlive(idle time.Duration, leaving bool) {
	const unit, longest = 100 * time.Millisecond, 1<<16 - 1
	o.Keepalive, o.Timeout = true, 0
	if !leaving {
		o.Timeout = uint16(min(max(idle-time.Second, 0)/unit, longest))
	}
}

// Error is an extended error (RFC 8914).
type Error struct {
	Set  bool // there is one; needed because the code 0 has a meaning
	Code ErrorCode
	Text []byte // UTF-8, for people; we send at most MaxErrorText bytes of it
}

// MaxErrorText is how much of the text of an extended error we send and keep, in bytes.
const MaxErrorText = 128

// Within returns e with as much of its text as an option of room bytes holds. It is not set if there is
// no room even for the code.
func (e Error) Within(room int) Error {
	const code = 4 + 2 // with what stands before every option
	if !e.Set || room < code {
		return Error{}
	}
	e.Text = wholeRunes(e.Text, min(room-code, MaxErrorText))
	return e
}

// wholeRunes cuts text to n bytes, and leaves no part of a character at its end: it has to be UTF-8 (RFC
// 8914, section 2).
func wholeRunes(text []byte, n int) []byte {
	if n >= len(text) {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// len returns the length of the option, in bytes.
func (e *Error) len() int {
	if !e.Set {
		return 0
	}
	return 4 + 2 + len(wholeRunes(e.Text, MaxErrorText))
}

// read fills o from an OPT record. It returns false if an option is malformed.
func (o *OPT) read(msg []byte, r *Record) bool {
	o.UDPSize = max(uint16(r.Class), MinUDPSize)
	o.extended, o.Version = uint8(r.TTL>>24), uint8(r.TTL>>16)
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
	case optionNSID:
		o.NSID = true
	case optionCookie:
		if o.Cookie != nil {
			return true // the first one counts (RFC 7873, section 5.2)
		}
		o.Cookie = data
		return len(data) == 8 || len(data) >= 16 && len(data) <= 40
	case OptionKeepalive:
		o.Keepalive = true
		if len(data) == 2 {
			o.Timed, o.Timeout = true, binary.BigEndian.Uint16(data)
		}
		return len(data) == 0 || len(data) == 2
	case optionError:
		return o.Error.read(data)
	}
	return true
}

// read reads an extended error. The text is a view of data; see MaxErrorText. It is left out if people
// can't read it: whoever sent it may have put control characters into it. Of several extended errors the
// first one counts.
func (e *Error) read(data []byte) bool {
	if len(data) < 2 {
		return false
	}
	if e.Set {
		return true
	}
	e.Set, e.Code = true, ErrorCode(binary.BigEndian.Uint16(data))
	e.Text = wholeRunes(bytes.TrimSuffix(data[2:], []byte{0}), MaxErrorText) // a NUL may end it (RFC 8914, section 2)
	if bytes.ContainsFunc(e.Text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		e.Text = nil
	}
	return true
}

// optLen is the length of an OPT record without options.
const optLen = 1 + fixedLen

// len returns the length of an OPT record with the options o, which may be nil, in bytes.
func (o *Options) len() int {
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
	return n + o.Error.len()
}

// appendOPT ends the reply to q that begins at dst[start] with an OPT record, if q has one. The
// record carries our own size, the DO bit of q (RFC 6891, section 6.1.4), the upper bits of rcode
// and the options o, which may be nil.
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
	dst = appendOPTHeader(dst, ttl, o.len()-optLen)
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
		dst = AppendOption(dst, optionCookie, o.Cookie)
	}
	if o.Keepalive {
		dst = append(dst, 0, byte(OptionKeepalive), 0, 2)
		dst = binary.BigEndian.AppendUint16(dst, o.Timeout)
	}
	if o.Error.Set {
		text := wholeRunes(o.Error.Text, MaxErrorText)
		dst = append(dst, 0, byte(optionError), 0, byte(2+len(text)))
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
