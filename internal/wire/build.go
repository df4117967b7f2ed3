package wire

import "encoding/binary"

// AppendQuery appends the query that q describes: its ID, RD, AD, CD and question, and an OPT
// record with our own size, q's DO bit and the options that AppendOption has written to options
// (nil for none). The name keeps its letter case. A cache asks with AD set, so that it learns
// the bit for the clients that ask for it (RFC 6840, section 5.7).
func AppendQuery(dst []byte, q *Query, options []byte) []byte {
	start := len(dst)
	dst = appendHeader(dst, q, q.flags())
	dst[start+additionalCount+1] = 1
	var ttl uint32
	if q.DO {
		ttl = doBit
	}
	options = options[:min(len(options), MaxMessage)]
	dst = appendOPTHeader(dst, ttl, len(options))
	return append(dst, options...)
}

// appendHeader appends a header, and q's question if q has one.
func appendHeader(dst []byte, q *Query, flags Flags) []byte {
	dst = binary.BigEndian.AppendUint16(dst, q.ID)
	dst = binary.BigEndian.AppendUint16(dst, uint16(flags))
	if q.Name == nil {
		return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	dst = append(dst, 0, 1, 0, 0, 0, 0, 0, 0)
	dst = append(dst, q.Name...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(q.Type))
	return binary.BigEndian.AppendUint16(dst, uint16(q.Class))
}

// AppendReply appends a reply without records: the header and the question as AppendHeader
// writes them, and an OPT record of our own if q has one. That record carries the options o,
// which may be nil, and the upper bits of rcode (RFC 6891, section 6.1.3).
func AppendReply(dst []byte, q *Query, rcode Rcode, claims Flags, o *Options) []byte {
	start := len(dst)
	return appendOPT(AppendHeader(dst, q, rcode, claims), start, q, rcode, o)
}

// AppendHeader appends the header of a reply, and q's question if q has one. The caller goes
// on with AppendRecord and CloseReply. The header has the ID, opcode, RD and CD of q, and of
// claims the bits AA and RA: what the server says of itself. AA, RA and CD mean nothing with
// an opcode other than QUERY, and are left out (RFC 8906, section 3.1.4).
func AppendHeader(dst []byte, q *Query, rcode Rcode, claims Flags) []byte {
	flags := QR | Flags(q.Opcode)<<opcodeShift&opcodeBits | q.flags()&RD | Flags(rcode)&rcodeBits
	if q.Opcode == OpcodeQuery {
		flags |= claims&(AA|RA) | q.flags()&CD
	}
	return appendHeader(dst, q, flags)
}

// AppendRecord appends a record to the message that begins at dst[start]. The caller appends
// the sections in order. A nil owner is the question's name. The TTL is in seconds. Data longer
// than 65,535 bytes is cut.
func AppendRecord(dst []byte, start int, s Section, owner Name, t Type, c Class, ttl uint32, data []byte) []byte {
	if len(dst) < start+HeaderLen || s > Additional {
		return dst
	}
	count := dst[start+answerCount+2*int(s):]
	binary.BigEndian.PutUint16(count, binary.BigEndian.Uint16(count)+1)
	if owner == nil {
		dst = append(dst, pointerBits, HeaderLen)
	} else {
		dst = append(dst, owner...)
	}
	data = data[:min(len(data), MaxMessage)]
	dst = binary.BigEndian.AppendUint16(dst, uint16(t))
	dst = binary.BigEndian.AppendUint16(dst, uint16(c))
	dst = binary.BigEndian.AppendUint32(dst, ttl)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(data)))
	return append(dst, data...)
}
